"""Moodle's "Download all submissions": with a folder for each submission, or without."""

import re
from typing import Final

from precieux.classes.sources.work import Export, Work, one

_NAME: Final = re.compile(r"(.+)_([0-9]+)_assignsubmission_(file|onlinetext)(?:_(.*))?", re.DOTALL)


def read(export: Export) -> tuple[list[Work], int]:
    """Return what was handed in, and how many entries have Moodle's names. A text and files of one id are one work."""
    works: dict[str, Work] = {}
    fitting = 0
    for entry in export.entries.values():
        match = _NAME.fullmatch(entry.name)
        if match is None or not (entry.is_folder or match[4]):
            continue
        fitting += 1
        name, id = match[1], match[2]  # noqa: A001  (as the field)
        work = works.setdefault(id, Work(one(id, name), prefix=f"{name}_{id}_assignsubmission_file"))
        if match[3] == "file":
            work.add(entry, match[4] or "")
        else:
            work.text = next(iter(entry.files.values()), None)
    return list(works.values()), fitting
