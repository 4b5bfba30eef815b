"""Blackboard's "Assignment file download"."""

import re
from typing import Final

from precieux.classes.sources.work import Export, ExportEntry, Work, one

_NAME: Final = re.compile(r"(?P<head>.+)_attempt_(?P<time>[0-9]{4}(?:-[0-9]{2}){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL)
_RECEIPT_NAME: Final = re.compile(rb"^Name: (.+?) \(", re.MULTILINE)


def read(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Blackboard's names. The latest attempt of a user counts."""
    works: dict[str, Work] = {}
    names: dict[str, str] = {}
    fitting = 0
    for entry in sorted(export.entries.values(), key=lambda entry: entry.name):
        match = _NAME.fullmatch(entry.name)
        if match is None or entry.is_folder:
            continue
        fitting += 1
        user = _user(match["head"], export)
        if match["file"] is None:
            names[user] = _name_in(entry) or user
        if user not in works or match["time"] > works[user].submitted:
            works[user] = Work((), submitted=match["time"])
        if match["file"] and match["time"] == works[user].submitted:
            works[user].add(entry, match["file"])
    for user, work in works.items():
        work.people = one(user, names.get(user, user))
    return list(works.values()), fitting


def _user(head: str, export: Export) -> str:
    """Return the user name that ends `ASSIGNMENT_USER`, either of which may have `_`."""
    words = head.split("_")
    endings = ["_".join(words[first:]) for first in range(1, len(words))]
    return next((ending for ending in endings if ending.casefold() in export.user_names), words[-1])


def _name_in(entry: ExportEntry) -> str:
    found = _RECEIPT_NAME.search(entry.files[entry.name].read())
    return found[1].decode("utf-8", "replace") if found else ""
