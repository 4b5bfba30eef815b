"""Exports that have an entry for each person: repositories of an assignment, and folders that no system made."""

from itertools import takewhile
from pathlib import PurePosixPath

from precieux.classes.sources.work import Export, ExportEntry, Person, Work


def github(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries are repositories of one assignment, named after it and a user."""
    folders = [entry for entry in export.entries.values() if entry.is_folder]
    letters = takewhile(lambda each: len(set(each)) == 1, zip(*(entry.name for entry in folders), strict=False))
    assignment = "".join("".join(letter[0] for letter in letters).rpartition("-")[:2])
    found = [entry for entry in folders if entry.is_repository]
    if len(found) * 2 < len(export.entries):
        found = [entry for entry in folders if assignment and export.user_in(entry.name, "-")]
    users = [export.user_in(entry.name, "-") or entry.name.removeprefix(assignment) for entry in found]
    return [_work(entry, user, entry.name) for entry, user in zip(found, users, strict=True)], len(found)


def folder(export: Export) -> tuple[list[Work], int]:
    """Return each entry as what one person handed in, and their number."""
    stems = {name: name if entry.is_folder else PurePosixPath(name).stem for name, entry in export.entries.items()}
    works = [_work(export.entries[name], name, stem) for name, stem in stems.items()]
    return works, len(works)


def _work(entry: ExportEntry, *keys: str) -> Work:
    return Work((Person(keys[0], keys[0], keys=keys),), dict(entry.files))
