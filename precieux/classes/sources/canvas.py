"""Canvas' "Download submissions"."""

import re
from collections import Counter
from typing import Final

from precieux.classes.sources.work import Export, Work, one
from precieux.classes.tree import TreeFile

#: The first form is that of anonymous grading.
_NAMES: Final = tuple(
    re.compile(rf"(?P<who>{who})_(?:(?P<page>text|link)\.html|[0-9]+_(?P<file>.+))", re.DOTALL)
    for who in (
        r"(?P<name>anon)_(?:LATE_)?(?P<id>[A-Za-z0-9]+)(?:_LATE)?",
        r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>[0-9]+)",
    )
)
#: What Canvas puts at the second upload of a file.
_AGAIN: Final = re.compile(r"(.+)-[0-9]+(\.[^./]*)?")


def read(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Canvas' names. All files of a user are one work."""
    works: dict[str, Work] = {}
    fitting = 0
    for entry in export.entries.values():
        match = next((match for name in _NAMES if (match := name.fullmatch(entry.name))), None)
        if match is None or entry.is_folder:
            continue
        fitting += 1
        user = f"anon_{match['id']}" if match["name"] == "anon" else match["id"]
        work = works.setdefault(user, Work(one(user, user if match["name"] == "anon" else match["name"])))
        work.is_late |= "LATE" in match["who"].split("_")[1:]
        work.is_link |= match["page"] == "link"
        if match["file"]:
            work.add(entry, match["file"])
        elif match["page"] == "text":
            work.text = entry.files[entry.name]
    for work in works.values():
        work.files = _with_first_names(work.files)
    return list(works.values()), fitting


def _with_first_names(files: dict[str, TreeFile]) -> dict[str, TreeFile]:
    """Return the files by the names of their first uploads, where these are of one file alone."""
    first = {path: f"{match[1]}{match[2] or ''}" if (match := _AGAIN.fullmatch(path)) else path for path in files}
    counts = Counter(first.values())
    return {first[path] if counts[first[path]] == 1 else path: file for path, file in files.items()}
