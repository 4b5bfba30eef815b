"""What people handed in, as each system's module returns it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from precieux.classes.tree import Tree, TreeFile


@dataclass(frozen=True, slots=True)
class ExportEntry:
    """A file or folder at the top of an export. A file is alone in `files`, by its name."""

    name: str
    files: Tree
    is_folder: bool
    is_repository: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """An export, with the user names of the roster, folded, if there is one."""

    entries: Mapping[str, ExportEntry]
    user_names: Set[str] = frozenset()

    def user_in(self, name: str, separator: str) -> str | None:
        """Return the user name of the roster that ends a name after a separator, which both may have inside."""
        words = name.split(separator)
        endings = [separator.join(words[first:]) for first in range(1, len(words))]
        return next((ending for ending in endings if ending.casefold() in self.user_names), None)


@dataclass(frozen=True, slots=True)
class Person:
    """Who handed in. A roster has the person by one of the `keys`, the best first."""

    id: str
    name: str
    email: str = ""
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    """What a person or a team handed in.

    `text` is an online text, and `prefix` how a file of feedback begins, for a system that takes them.
    """

    people: tuple[Person, ...]
    files: dict[str, TreeFile] = field(default_factory=dict)
    text: TreeFile | None = None
    is_link: bool = False
    is_late: bool = False
    submitted: str = ""
    prefix: str = ""

    def add(self, entry: ExportEntry, path: str) -> None:
        """Add a file under this path, or the files of a folder below it."""
        for name, file in entry.files.items():
            self.files[path if not entry.is_folder else f"{path}/{name}" if path else name] = file


def one(id: str, name: str) -> tuple[Person, ...]:  # noqa: A002  (as the field)
    """Return a person alone, whom a roster has by the id."""
    return (Person(id, name, keys=(id,)),)
