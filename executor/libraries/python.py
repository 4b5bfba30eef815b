"""The packages of Python programs: installed by pip from wheels, or a folder that `pip install --target` made."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from executor.languages.base import Library
from executor.libraries.folder import Installation, LibraryFolder
from executor.sandbox.base import find_python
from shared.errors import ConfigurationError

SETTING: Final = "PRECIEUX_PYTHON_PACKAGES"
#: The value of PYTHONUSERBASE in `executor/languages/py.py`.
_USER_BASE: Final = "/libraries/python"
_LANGUAGES: Final = ("py",)
#: A comma that ends a requirement. One before an operator belongs to a version, and one in brackets to the extras.
_COMMA: Final = re.compile(r",(?!\s*[<>=!~])(?![^\[]*\])")
#: What pip writes when it cannot reach the index. It then reports that there is no such package.
_NETWORK_SIGNS: Final = ("WARNING: Retrying", "connection broken", "ReadTimeoutError", "Temporary failure in name")
_ADVICE: Final = (
    "Correct the name or version, or remove it. A package without a wheel is not installed, because building it would "
    "run its code outside of the sandbox: build it elsewhere into a folder by `pip install --target`, and set "
    f"{SETTING} to that folder."
)


def chosen_folder(setting: str, cache: Path | None) -> LibraryFolder | None:
    """Return the folder that the setting names, or the one in `cache` where its packages are or will be installed.

    None if the setting is empty. Raises `ConfigurationError` if it is wrong.
    """
    if not setting.strip():
        return None
    python = find_python()
    version = _version(python)
    inside = f"{_USER_BASE}/lib/python{version}/site-packages"
    if setting.startswith("/"):
        folder = Path(setting)
        if not any(folder.glob("*.dist-info")):
            raise ConfigurationError(
                f"{SETTING} is {setting}, which is not a folder that has packages: make it by "
                f"`pip --python {python} install --target {setting} PACKAGE`."
            )
        if running := sorted(path.name for path in run_at_start(folder)):
            raise ConfigurationError(
                f"{SETTING} is {setting}, and Python would run {', '.join(running)} there at each start, also outside "
                "of a program's box: remove it."
            )
        return LibraryFolder(SETTING, folder, inside, _LANGUAGES, partial(libraries_in, folder))
    packages = requirements(setting)
    if cache is None:
        raise ConfigurationError(
            f"{SETTING} names packages, and there is no folder to install them in: set PRECIEUX_EXECUTOR_CACHE_DIR to "
            "one that only the executor's user can write to."
        )
    key = hashlib.sha256(repr((version, packages)).encode()).hexdigest()[:16]
    folder = cache / f"python-{version}-{key}"
    command = partial(_command, python, packages)
    installation = Installation(SETTING, packages, folder, command, _NETWORK_SIGNS, _ADVICE, run_at_start)
    return LibraryFolder(SETTING, folder, inside, _LANGUAGES, partial(libraries_in, folder), installation)


def requirements(setting: str) -> tuple[str, ...]:
    """Return the requirements in the setting (PEP 508), sorted. Raises `ConfigurationError` if one is not a name with
    versions: none may be an option of pip, a path or an address."""
    found = set()
    for text in filter(None, map(str.strip, _COMMA.split(setting))):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise ConfigurationError(
                f"{SETTING} has {text!r}, which is not the name of a package: it must be like numpy,pandas==2.*"
            ) from None
        if requirement.url:
            raise ConfigurationError(
                f"{SETTING} has the address of a package, {text!r}, and packages come only from pip's index: name it, "
                "or install it into a folder and set that."
            )
        found.add(str(requirement))
    return tuple(sorted(found))


def run_at_start(folder: Path) -> list[Path]:
    """Return what Python runs whenever it starts (https://docs.python.org/3/library/site.html).

    No package may have it, because the zygote starts with more privileges than a program.
    """
    modules = ("sitecustomize", "usercustomize")
    return [path for path in folder.iterdir() if path.suffix == ".pth" or path.name.partition(".")[0] in modules]


def libraries_in(folder: Path) -> tuple[Library, ...]:
    """Return the packages that are installed in the folder, by name."""
    found = {one.name: one for one in metadata.distributions(path=[str(folder)])}
    return tuple(
        Library(name, one.version, tuple(sorted(set(_modules(one)))))
        for name, one in sorted(found.items(), key=lambda item: item[0].lower())
    )


def _modules(distribution: metadata.Distribution) -> Iterator[str]:
    """Yield the names of the modules and packages that the distribution has, except for those that begin with `_`."""
    for file in distribution.files or ():
        in_folder = len(file.parts) > 1
        if in_folder or file.suffix in (".py", ".so"):
            name = file.parts[0] if in_folder else file.name.partition(".")[0]
            if name.isidentifier() and not name.startswith("_"):
                yield name


def _version(python: str) -> str:
    """Return the version of the programs' Python that its modules are for, such as 3.13."""
    words = [python, "-I", "-S", "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    return subprocess.run(words, capture_output=True, check=True, timeout=60, text=True).stdout.strip()


def _command(python: str, packages: tuple[str, ...], folder: Path) -> list[str]:
    """Return pip's command. After `--` no word is an option."""
    return [
        *_find_pip(), "--python", python, "install", "--target", str(folder), "--only-binary", ":all:", "--no-input",
        "--disable-pip-version-check", "--no-warn-script-location", "--root-user-action", "ignore", "--progress-bar",
        "off", "--", *packages,
    ]  # fmt: skip


def _find_pip() -> list[str]:
    """Return the command of the environment's own pip, or of the system's."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise ConfigurationError(
            f"{SETTING} names packages, and pip is not installed: run `apt install python3-pip`, or set {SETTING} to a "
            "folder that `pip install --target` made elsewhere."
        )
    return [found]
