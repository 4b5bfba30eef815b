"""Exports whose entries say in their names who handed them in: those of Moodle, Blackboard and Canvas."""

import re
from collections import Counter
from typing import Final

from precieux.classes.sources.work import Export, ExportEntry, Work, one
from precieux.classes.tree import TreeFile

#: `path` is a file's own name, and `page` what is no file. Canvas has `anon` in place of a name that it hides.
_MOODLE: Final = re.compile(
    r"(?P<name>.+)_(?P<id>[0-9]+)_assignsubmission_(?P<page>file|onlinetext)(?:_(?P<path>.*))?", re.DOTALL
)
_BLACKBOARD: Final = re.compile(
    r"(?P<head>.+)_attempt_(?P<time>[0-9]{4}(?:-[0-9]{2}){5})(?:_(?P<path>.+)|\.txt)", re.DOTALL
)
_CANVAS: Final = re.compile(
    r"(?:(?P<anon>anon)|(?P<name>[^_]+))_(?P<late>LATE_)?(?P<id>(?(anon)[A-Za-z0-9]+|[0-9]+))(?(anon)(?P<later>_LATE)?)"
    r"_(?:(?P<page>text|link)\.html|[0-9]+_(?P<path>.+))",
    re.DOTALL,
)
#: What Canvas puts at the second upload of a file.
_AGAIN: Final = re.compile(r"(.+)-[0-9]+(\.[^./]*)?")
_RECEIPT_NAME: Final = re.compile(rb"^Name: (.+?) \(", re.MULTILINE)


def moodle(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Moodle's names. A text and files of one id are one work."""
    works, found = dict[str, Work](), _matches(_MOODLE, export)
    found = [(entry, match) for entry, match in found if entry.is_folder or match["path"]]
    for entry, match in found:
        prefix = f"{match['name']}_{match['id']}_assignsubmission_file"
        work = works.setdefault(match["id"], Work(one(match["id"], match["name"]), prefix=prefix))
        if match["page"] == "file":
            work.add(entry, match["path"] or "")
        else:
            work.text = next(iter(entry.files.values()), None)
    return list(works.values()), len(found)


def blackboard(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Blackboard's names. The latest attempt of a user counts."""
    works, found = dict[str, Work](), [pair for pair in _matches(_BLACKBOARD, export) if not pair[0].is_folder]
    names: dict[str, str] = {}
    for entry, match in found:
        user = export.user_in(match["head"], "_") or match["head"].rpartition("_")[2]
        if not match["path"] and (name := _RECEIPT_NAME.search(entry.files[entry.name].read())):
            names[user] = name[1].decode("utf-8", "replace")
        if user not in works or match["time"] > works[user].submitted:
            works[user] = Work((), submitted=match["time"])
        if match["path"] and match["time"] == works[user].submitted:
            works[user].add(entry, match["path"])
    for user, work in works.items():
        work.people = one(user, names.get(user, user))
    return list(works.values()), len(found)


def canvas(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Canvas' names. All files of a user are one work."""
    works, found = dict[str, Work](), [pair for pair in _matches(_CANVAS, export) if not pair[0].is_folder]
    for entry, match in found:
        user = f"anon_{match['id']}" if match["anon"] else match["id"]
        work = works.setdefault(user, Work(one(user, match["name"] or user)))
        work.is_late |= bool(match["late"] or match["later"])
        work.is_link |= match["page"] == "link"
        if match["path"]:
            work.add(entry, match["path"])
        elif match["page"] == "text":
            work.text = entry.files[entry.name]
    for work in works.values():
        work.files = _with_first_names(work.files)
    return list(works.values()), len(found)


def _matches(names: re.Pattern[str], export: Export) -> list[tuple[ExportEntry, re.Match[str]]]:
    return [(entry, match) for name, entry in export.entries.items() if (match := names.fullmatch(name))]


def _with_first_names(files: dict[str, TreeFile]) -> dict[str, TreeFile]:
    """Return the files by the names of their first uploads, where these are of one file alone."""
    first = {path: f"{match[1]}{match[2] or ''}" if (match := _AGAIN.fullmatch(path)) else path for path in files}
    counts = Counter(first.values())
    return {first[path] if counts[first[path]] == 1 else path: file for path, file in files.items()}
