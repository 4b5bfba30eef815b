"""Repositories of an assignment, as GitHub Classroom and its like name them: the assignment, and who it is."""

from itertools import takewhile

from precieux.classes.sources.work import Export, ExportEntry, Person, Work


def read(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries are repositories of one assignment."""
    folders = [entry for entry in export.entries.values() if entry.is_folder]
    letters = takewhile(lambda each: len(set(each)) == 1, zip(*(entry.name for entry in folders), strict=False))
    assignment = "".join("".join(letter[0] for letter in letters).rpartition("-")[:2])
    found = [entry for entry in folders if entry.is_repository]
    if len(found) * 2 < len(export.entries):
        found = [
            entry
            for entry in folders
            if assignment and _user(entry, assignment, export).casefold() in export.user_names
        ]
    return [_work(entry, _user(entry, assignment, export)) for entry in found], len(found)


def _user(entry: ExportEntry, assignment: str, export: Export) -> str:
    """Return the user name that ends a repository's name: one of the roster, or else what follows the assignment."""
    words = entry.name.split("-")
    endings = ("-".join(words[first:]) for first in range(1, len(words)))
    known = (ending for ending in endings if ending.casefold() in export.user_names)
    return next(known, entry.name.removeprefix(assignment))


def _work(entry: ExportEntry, user: str) -> Work:
    return Work((Person(user, user, keys=(user, entry.name)),), dict(entry.files))
