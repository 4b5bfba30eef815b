"""Finds and installs the libraries that the settings name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor.languages.base import Library
from executor.libraries import java, node, python
from executor.libraries.folder import LibraryFolder
from executor.libraries.installation import install
from executor.settings import ExecutorSettings


@dataclass(frozen=True)
class Libraries:
    """`folders` are those on the host, by their paths in a box. `by_language` has the libraries in them, by the code of
    the language. `missing` are the settings whose packages are not installed yet."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    by_language: Mapping[str, tuple[Library, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def find_libraries(settings: ExecutorSettings, cache: Path | None) -> Libraries:
    """Return the libraries that are there, without installing any. Raises `ConfigurationError` for a wrong setting."""
    return _in(_chosen(settings, cache))


def install_libraries(settings: ExecutorSettings, cache: Path | None) -> Libraries:
    """Install the packages that are missing into a folder of `cache`, and return all libraries.

    Raises `ConfigurationError` if a setting is wrong, or if a package cannot be installed.
    """
    chosen = _chosen(settings, cache)
    for folder in chosen:
        if folder.installation and not folder.is_there:
            install(folder.installation)
    return _in(chosen)


def _chosen(settings: ExecutorSettings, cache: Path | None) -> list[LibraryFolder]:
    found = (
        python.chosen_folder(settings.python_packages, cache),
        node.chosen_folder(settings.node_packages, cache),
        java.chosen_folder(settings.java_jars),
    )
    return [folder for folder in found if folder]


def _in(chosen: Iterable[LibraryFolder]) -> Libraries:
    there = [folder for folder in chosen if folder.is_there]
    return Libraries(
        folders={folder.inside: folder.host for folder in there},
        by_language={code: folder.libraries() for folder in there for code in folder.languages},
        missing=tuple(folder.setting for folder in chosen if not folder.is_there),
    )
