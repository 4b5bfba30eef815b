"""A folder of libraries, and how it is made if the operator has named packages."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from executor.languages.base import Library


@dataclass(frozen=True)
class Installation:
    """Installs `packages`, which `setting` names, into `folder`. `command` returns the command for another folder that
    is empty. If it fails and its output contains one of `network_signs`, there was no network. `advice` is a sentence
    for the operator if it fails otherwise. `unwanted` finds what is removed after an installation."""

    setting: str
    packages: tuple[str, ...]
    folder: Path
    command: Callable[[Path], list[str]]
    network_signs: tuple[str, ...]
    advice: str
    unwanted: Callable[[Path], Iterable[Path]] = lambda _: ()


@dataclass(frozen=True)
class LibraryFolder:
    """`host` is its path on the host, and `inside` its path in a box. Programs in `languages` may import its
    libraries."""

    setting: str
    host: Path
    inside: str
    languages: tuple[str, ...]
    libraries: Callable[[], tuple[Library, ...]]
    installation: Installation | None = None

    @property
    def is_there(self) -> bool:
        return self.host.is_dir()
