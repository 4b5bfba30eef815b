"""Opens an export, and finds out of which system it is."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final, TypeAlias

from precieux.classes.sources import folders, gradescope, named
from precieux.classes.sources.work import Export, ExportEntry, Work
from precieux.classes.tree import TreeFile, UnreadableFile, is_left_out, opened_zip, walk
from precieux.errors import UsageError
from precieux.programs.read import natural_key

_MAX_FILES: Final = 100_000
_MAX_BYTES: Final = 4 << 30

#: A path and its file, or None for a folder.
Found: TypeAlias = tuple[str, TreeFile | None]

#: The systems in the order in which they are tried, each with its name for people.
SYSTEMS: Final[Mapping[str, tuple[str, Callable[[Export], tuple[list[Work], int]]]]] = {
    "gradescope": ("Gradescope", gradescope.read),
    "moodle": ("Moodle", named.moodle),
    "blackboard": ("Blackboard", named.blackboard),
    "canvas": ("Canvas", named.canvas),
    "github": ("GitHub", folders.github),
    "folder": ("A folder", folders.folder),
}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Sequence[Found]]:
    """Yield the paths in a folder or zip. Raises `UsageError`. Its files can be read until the end."""
    try:
        if path.is_dir():
            yield list(walk(path))
            return
        with opened_zip(path, max_files=_MAX_FILES, max_bytes=_MAX_BYTES) as found:
            yield found
    except UnreadableFile as exc:
        raise UsageError(f"{path.name} cannot be opened: {exc}.") from exc


def recognise(found: Sequence[Found], lms: str | None, user_names: Set[str], source: str) -> tuple[str, Sequence[Work]]:
    """Return the system of an export, and what was handed in. Raises `UsageError` if it is not of `lms`."""
    kinds = SYSTEMS if lms is None else {lms: SYSTEMS[lms]}
    entries = _entries(found)
    inner = _inside(entries, found)
    for each in (entries, inner):
        for kind, (_, read) in kinds.items():
            works, fitting = read(Export(each, user_names))
            if fitting and (lms or fitting * 2 >= len(each)) and (kind != "folder" or each is inner):
                return kind, sorted(works, key=lambda work: natural_key(work.people[0].name))
    if not entries or lms is None:
        return lms or "folder", ()
    raise UsageError(f"{source} has nothing of the shape of {SYSTEMS[lms][0]}'s files: is --lms {lms} right?")


def _entries(found: Iterable[Found]) -> dict[str, ExportEntry]:
    """Return the entries of these paths. What is left out everywhere is in none of them."""
    files: dict[str, dict[str, TreeFile]] = {}
    folders: set[str] = set()
    repositories: set[str] = set()
    for path, file in found:
        top, slash, rest = path.rstrip("/").partition("/")
        if not top or is_left_out(top):
            continue
        if slash or file is None:
            folders.add(top)
        if rest.partition("/")[0] == ".git":
            repositories.add(top)
        inside = files.setdefault(top, {})
        if file is not None and not is_left_out(rest or top):
            inside[rest or top] = file
    return {name: ExportEntry(name, inside, name in folders, name in repositories) for name, inside in files.items()}


def _inside(entries: Mapping[str, ExportEntry], found: Sequence[Found]) -> Mapping[str, ExportEntry]:
    """Return what is in the single folder of an export, or else the same entries."""
    only = next(iter(entries.values()), None)
    if len(entries) != 1 or only is None or not only.is_folder:
        return entries
    top = f"{only.name}/"
    return _entries((path.removeprefix(top), file) for path, file in found if path.startswith(top))
