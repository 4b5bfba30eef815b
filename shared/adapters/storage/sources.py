"""Says where a source of API v1 is kept: in its row if it is short, or else as a file in the object store.

Each day has a folder. A file is stored before its row, and a crash in between leaves it without one. The runner's
cleaner finds it by its day.
"""

from datetime import date
from typing import Final
from uuid import uuid4

from shared.adapters.storage.base import ObjectStore

#: Bytes of the longest source that its row holds, in `uploads.content` (ADR 1). Its key then names no object.
MAX_IN_ROW: Final = 16 << 10
#: All these keys begin with it.
FOLDER: Final = "sources"


def source_key(day: date, suffix: str) -> str:
    """Return a new random key of a file that is stored on this day, in UTC."""
    return f"{folder_of(day)}/{uuid4().hex}{suffix}"


def judge_key(source: str, judge: str) -> str:
    """Return the key of the archive of a judge, from the key of the submission's own files."""
    return f"{source}.{judge}"


def folder_of(day: date) -> str:
    """Return the folder of the files that were stored on this day."""
    return f"{FOLDER}/{day.isoformat()}"


async def read_source(store: ObjectStore, key: str, content: bytes | None) -> bytes:
    """Return the source of a row with this `object_key` and `content`. Raise `ObjectNotFound` if it is gone."""
    return await store.get(key) if content is None else content
