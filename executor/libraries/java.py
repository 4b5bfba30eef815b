"""The archives on the class path of Java programs: a folder of the operator's."""

import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Final

from executor.languages.base import Library
from executor.languages.java import JARS
from executor.libraries.folder import LibraryFolder
from shared.errors import ConfigurationError

SETTING: Final = "PRECIEUX_JAVA_JARS"
_LANGUAGES: Final = ("java",)
#: Maven's names of archives, such as commons-lang3-3.14.0.
_NAME: Final = re.compile(r"(.+?)-(\d[\w.+-]*)")


def chosen_folder(folder: Path | None) -> LibraryFolder | None:
    """Return the folder, or None if there is none.

    Raises `ConfigurationError` if the folder has no archive, or one that is damaged.
    """
    if folder is None:
        return None
    if not folder.is_absolute() or not any(folder.glob("*.jar")):
        raise ConfigurationError(
            f"{SETTING} is {folder}, which must be the absolute path of a folder that has archives (*.jar)."
        )
    for file in folder.glob("*.jar"):
        if not zipfile.is_zipfile(file):  # javac would refuse every program
            raise ConfigurationError(f"{SETTING} is {folder}, where {file.name} is not a Java archive: remove it.")
    return LibraryFolder(SETTING, folder, JARS, _LANGUAGES, partial(libraries_in, folder))


def libraries_in(folder: Path) -> tuple[Library, ...]:
    """Return the archives in the folder, with the versions in their names."""
    return tuple(_library(file) for file in sorted(folder.glob("*.jar")))


def _library(file: Path) -> Library:
    named = _NAME.fullmatch(file.stem)
    name, version = named.groups() if named else (file.stem, "")
    return Library(name, version, modules=())
