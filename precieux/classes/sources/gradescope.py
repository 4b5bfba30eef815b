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
    if _METADATA not in export.entries or export.entries[_METADATA].is_folder:
        return [], 0
    try:
        described = yaml.load(export.entries[_METADATA].files[_METADATA].read(), _LOADER)  # noqa: S506
    except (yaml.YAMLError, UnicodeError, RecursionError) as exc:
        raise UnreadableFile(f"its {_METADATA} is no YAML") from exc
    works = []
    for name, about in described.items() if isinstance(described, Mapping) else ():
        people = tuple(_people(about))
        files = dict(export.entries[name].files) if name in export.entries else {}
        works.append(Work(people or (Person(name, name),), files, submitted=_at(about, ":created_at", str)))
    return works, len(export.entries)


def _people(about: Any) -> Iterator[Person]:
    for one in _at(about, ":submitters", list):
        number, email, name = (_at(one, key, str) for key in (":sid", ":email", ":name"))
        keys = tuple(key for key in (number, email) if key)
        yield Person(keys[0] if keys else name, name, email, keys or (name,))


def _at(about: Any, key: str, kind: type[Any]) -> Any:
    """Return what a key has, or an empty one of the kind: as text, lists that name each other would be endless."""
    found = about.get(key) if isinstance(about, Mapping) else None
    return found if isinstance(found, kind) else kind()
