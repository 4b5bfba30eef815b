"""The packages of Node programs: installed by npm, or a folder in which npm has installed them."""

import hashlib
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from executor.languages.base import Library
from executor.libraries.folder import Installation, LibraryFolder
from shared.errors import ConfigurationError

SETTING: Final = "PRECIEUX_NODE_PACKAGES"
#: Node looks for modules in the folders of this name from the program's folder up to the root.
_MODULES: Final = "node_modules"
_INSIDE: Final = f"/{_MODULES}"
_LANGUAGES: Final = ("js", "ts", "coffee")
#: A name, perhaps in a scope, and perhaps a version, a range or a tag. It has no `:` and no other `/`, so it is no
#: address, no path and no repository (https://docs.npmjs.com/cli/commands/npm-install).
_PACKAGE: Final = re.compile(
    r"(@[a-z0-9][a-z0-9._~-]*/)?[a-z0-9][a-z0-9._~-]*(@[\^~<>=]{0,2}[A-Za-z0-9][A-Za-z0-9.+*-]*)?"
)
#: npm takes such a name for a file.
_ARCHIVE: Final = re.compile(r"\.(tgz|tar|tar\.gz)$")
_NETWORK_SIGNS: Final = ("EAI_AGAIN", "ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")
_ADVICE: Final = "Correct the name or version, or remove it. Packages that need their install scripts do not work."


def chosen_folder(setting: str, cache: Path | None) -> LibraryFolder | None:
    """Return the folder that the setting names, or the one in `cache` where its packages are or will be installed.

    None if the setting is empty. Raises `ConfigurationError` if it is wrong.
    """
    if not setting.strip():
        return None
    if setting.startswith("/"):
        folder = Path(setting)
        if not (folder / _MODULES).is_dir():
            raise ConfigurationError(
                f"{SETTING} is {setting}, which is not a folder with a folder {_MODULES}: make it by "
                f"`npm install --ignore-scripts --prefix {setting} PACKAGE`."
            )
        return _in(folder)
    packages = package_names(setting)
    if cache is None:
        raise ConfigurationError(
            f"{SETTING} names packages, and there is no folder to install them in: set PRECIEUX_EXECUTOR_CACHE_DIR to "
            "one that only the executor's user can write to."
        )
    folder = cache / f"node-{hashlib.sha256(repr(packages).encode()).hexdigest()[:16]}"
    return _in(folder, Installation(SETTING, packages, folder, partial(_command, packages), _NETWORK_SIGNS, _ADVICE))


def package_names(setting: str) -> tuple[str, ...]:
    """Return the packages in the setting, sorted. Raises `ConfigurationError` if one is not a name with a version."""
    found = {text.strip() for text in setting.split(",") if text.strip()}
    for text in sorted(found):
        if not _PACKAGE.fullmatch(text) or _ARCHIVE.search(text):
            raise ConfigurationError(
                f"{SETTING} has {text!r}, which is not the name of a package: it must be like lodash,@types/node@20"
            )
    return tuple(sorted(found))


def libraries_in(folder: Path) -> tuple[Library, ...]:
    """Return the packages that were asked for, with their versions. What these need themselves is not listed."""
    return tuple(
        Library(name, str(_read(folder / _MODULES / name).get("version", "")), _modules_of(name))
        for name in sorted(_read(folder).get("dependencies", {}))
    )


def _modules_of(name: str) -> tuple[str, ...]:
    """Return the modules that a program may import. A package of types has none."""
    return () if name.startswith("@types/") else (name,)


def _read(folder: Path) -> dict[str, dict[str, str]]:
    try:
        content: dict[str, dict[str, str]] = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{SETTING}: {folder}/package.json cannot be read ({exc}).") from exc
    return content


def _in(folder: Path, installation: Installation | None = None) -> LibraryFolder:
    return LibraryFolder(SETTING, folder / _MODULES, _INSIDE, _LANGUAGES, partial(libraries_in, folder), installation)


def _command(packages: tuple[str, ...], folder: Path) -> list[str]:
    """Return npm's command. After `--` no word is an option."""
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigurationError(
            f"{SETTING} names packages, and npm is not installed: run `apt install npm`, or set {SETTING} to a folder "
            "where `npm install --ignore-scripts` has been run."
        )
    return [
        npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress",
        "--no-update-notifier", "--", *packages,
    ]  # fmt: skip
