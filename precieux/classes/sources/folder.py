"""A folder or zip that no system made: an entry for each person."""

from pathlib import PurePosixPath

from precieux.classes.sources.work import Export, Person, Work


def read(export: Export) -> tuple[list[Work], int]:
    """Return each entry as what one person handed in, and their number."""
    works = []
    for name, entry in export.entries.items():
        stem = name if entry.is_folder else PurePosixPath(name).stem
        works.append(Work((Person(name, name, keys=(name, stem)),), dict(entry.files)))
    return works, len(works)
