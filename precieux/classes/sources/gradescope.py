"""Gradescope's "Export submissions"."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from precieux.classes.sources.work import Export, Person, Work
from precieux.classes.tree import UnreadableFile

_METADATA: Final = "submission_metadata.yml"
#: It leaves each scalar a text, and makes no objects.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and all entries as fitting if the export has Gradescope's file of submissions."""
    if _METADATA not in export.entries:
        return [], 0
    try:
        described = yaml.load(export.entries[_METADATA].files[_METADATA].read(), _LOADER)  # noqa: S506
    except (yaml.YAMLError, UnicodeError, RecursionError) as exc:
        raise UnreadableFile(f"its {_METADATA} is no YAML") from exc
    works = []
    for name, about in described.items() if isinstance(described, Mapping) else ():
        people = tuple(_people(about)) if isinstance(about, Mapping) else ()
        files = dict(export.entries[name].files) if name in export.entries else {}
        works.append(Work(people or (Person(name, name),), files, submitted=str(about.get(":created_at", ""))))
    return works, len(export.entries)


def _people(about: Mapping[str, Any]) -> Iterator[Person]:
    for one in about.get(":submitters") or ():
        number, email, name = (str(one.get(key) or "") for key in (":sid", ":email", ":name"))
        keys = tuple(key for key in (number, email) if key)
        yield Person(keys[0] if keys else name, name, email, keys or (name,))
