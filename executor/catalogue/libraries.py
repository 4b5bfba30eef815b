"""Finds the libraries that programs may import. They are in folders that the operator fills, and read-only in boxes.

The executor installs nothing, because a package manager would run outside of the sandbox.
"""

import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from executor.languages import known
from executor.languages.base import InstalledLibrary
from executor.sandbox.base import find_python
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError

#: Node looks for modules in the folders of this name from the program's folder up to the root.
_MODULES: Final = "node_modules"
#: Maven's names of archives, such as commons-lang3-3.14.0.
_ARCHIVE: Final = re.compile(r"(.+?)-(\d[\w.+-]*)")


def find_libraries(settings: ExecutorSettings) -> tuple[dict[str, Path], dict[str, tuple[InstalledLibrary, ...]]]:
    """Return the folders of the settings by their paths in a box, and the libraries in them by their languages' codes.

    Raises `ConfigurationError` if a folder is wrong.
    """
    folders: dict[str, Path] = {}
    by_language: dict[str, tuple[InstalledLibrary, ...]] = {}
    languages = known()
    if folder := settings.python_packages:
        python = find_python()
        _check_python(folder, python)
        folders[f"{languages['py'].libraries.folder}/lib/python{_version(python)}/site-packages"] = folder
        by_language["py"] = python_libraries(folder)
    if folder := settings.node_packages:
        _require(folder, _MODULES, "NODE_PACKAGES", f"npm install --ignore-scripts --prefix {_place(folder)} PACKAGE")
        modules, packages = languages["js"].libraries.folder, node_libraries(folder)
        folders[modules] = folder / _MODULES
        by_language |= {code: packages for code, language in languages.items() if language.libraries.folder == modules}
    if folder := settings.java_jars:
        _require(folder, "*.jar", "JAVA_JARS", f"cp ARCHIVE.jar {_place(folder)}")
        folders[languages["java"].libraries.folder] = folder
        by_language["java"] = tuple(_java_library(file) for file in sorted(folder.glob("*.jar")))
    return folders, by_language


def _require(folder: Path, content: str, setting: str, command: str) -> None:
    if not folder.is_absolute() or not any(folder.glob(content)):
        raise ConfigurationError(
            f"PRECIEUX_{setting} is {folder}, which must be the absolute path of a folder that has {content}: run "
            f"`{command}`, and set it to that folder."
        )


def _place(folder: Path) -> str:
    """Return the folder, or an example if the setting has the name of a package."""
    return str(folder) if folder.is_absolute() else "/srv/packages"


def _check_python(folder: Path, python: str) -> None:
    command = f"pip --python {python} install --only-binary :all: --target {_place(folder)} PACKAGE"
    _require(folder, "*.dist-info", "PYTHON_PACKAGES", command)
    if running := sorted(path.name for path in run_at_start(folder)):
        raise ConfigurationError(
            f"PRECIEUX_PYTHON_PACKAGES is {folder}, and Python would run {', '.join(running)} there at each start, also"
            " outside of a program's box: remove it."
        )


def run_at_start(folder: Path) -> list[Path]:
    """Return what Python runs whenever it starts (https://docs.python.org/3/library/site.html).

    No package may have it, because the zygote starts with more privileges than a program.
    """
    modules = ("sitecustomize", "usercustomize")
    return [path for path in folder.iterdir() if path.suffix == ".pth" or path.name.partition(".")[0] in modules]


def _version(python: str) -> str:
    """Return the version of the programs' Python that its modules are for, such as 3.13."""
    words = [python, "-I", "-S", "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    return subprocess.run(words, capture_output=True, check=True, timeout=60, text=True).stdout.strip()


def python_libraries(folder: Path) -> tuple[InstalledLibrary, ...]:
    """Return the packages that are installed in the folder, by name."""
    distributions = {distribution.name: distribution for distribution in metadata.distributions(path=[str(folder)])}
    return tuple(
        InstalledLibrary(name, distribution.version, tuple(sorted(set(_modules(distribution)))))
        for name, distribution in sorted(distributions.items(), key=lambda item: item[0].lower())
    )


def _modules(distribution: metadata.Distribution) -> Iterator[str]:
    """Yield the names of the modules and packages that the distribution has, except for those that begin with `_`."""
    for file in distribution.files or ():
        in_folder = len(file.parts) > 1
        if in_folder or file.suffix in (".py", ".so"):
            name = file.parts[0] if in_folder else file.name.partition(".")[0]
            if name.isidentifier() and not name.startswith("_"):
                yield name


def node_libraries(folder: Path) -> tuple[InstalledLibrary, ...]:
    """Return the packages that npm was asked for, with their versions. What these need themselves is not listed, and a
    package of types has no modules."""
    return tuple(
        InstalledLibrary(
            name,
            str(_read(folder / _MODULES / name).get("version", "")),
            modules=() if name.startswith("@types/") else (name,),
        )
        for name in sorted(_read(folder).get("dependencies", {}))
    )


def _read(folder: Path) -> dict[str, dict[str, str]]:
    try:
        content: dict[str, dict[str, str]] = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"PRECIEUX_NODE_PACKAGES: {folder}/package.json cannot be read ({exc}).") from exc
    return content


def _java_library(file: Path) -> InstalledLibrary:
    if not zipfile.is_zipfile(file):  # javac would refuse every program
        raise ConfigurationError(f"PRECIEUX_JAVA_JARS has {file}, which is not a Java archive: remove it.")
    named = _ARCHIVE.fullmatch(file.stem)
    name, version = named.groups() if named else (file.stem, "")
    return InstalledLibrary(name, version, modules=())
