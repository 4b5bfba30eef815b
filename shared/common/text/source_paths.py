"""Checks the paths of a submission's files, and the names of the files that a program wrote. Pure.

Both come from outside. Paths become paths in a box; names are shown to people.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

#: The most bytes of a path, in UTF-8.
MAX_PATH: Final = 255
#: Characters that are invisible, change the direction of what follows, or end a line: a name looks like another one.
_MISLEADING: Final = frozenset(
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def fault_of(path: str) -> str | None:
    """Return a sentence on why no file may have this path, or None if one may."""
    if not path:
        return "The path is empty."
    if len(path) > MAX_PATH or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH:
        return f"The path is over {MAX_PATH} bytes."
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in path):
        return "The path has a control character."
    if any("\ud800" <= character <= "\udfff" for character in path):
        return "The path has a character that UTF-8 cannot hold."
    if "\\" in path:
        return "The path has a backslash; folders are separated by `/`."
    if path.startswith("/"):
        return "The path is absolute; it must be relative to the program's folder."
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return "The path has an empty segment, `.` or `..`."
    return None


def faults_of(paths: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the position of each path that is wrong, alone or beside those before and after it, and a sentence."""
    files = set(paths)
    seen: set[str] = set()
    folders = {folder for path in paths for folder in accumulate(path.split("/")[:-1], "{}/{}".format)}
    for position, path in enumerate(paths):
        fault = fault_of(path)
        if fault is None and path in seen:
            fault = "The path is there twice."
        if fault is None and path in folders & files:
            fault = "The path is the folder of another file."
        if fault:
            yield position, fault
        seen.add(path)


def is_file_name(name: str) -> bool:
    """Return True if this is the name of a file in a folder, and is shown as what it is."""
    return fault_of(name) is None and "/" not in name and _MISLEADING.isdisjoint(name)
