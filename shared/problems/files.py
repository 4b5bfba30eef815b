"""The files of problems in the object store: packages, inputs, answers and programs, each once, by its SHA-256.

A version of a problem names its files before they are stored, and is seen when they are. The cleaner removes a file
that no version names. It locks the file's row, so a version that names the file meanwhile waits, and stores it again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from shared.database.connection import Connection, Database
from shared.service.errors import PermanentError
from shared.storage.base import ObjectStore

#: All keys of these files begin with it.
FOLDER: Final = "problems"
#: Files that are stored at once.
_AT_ONCE: Final = 8

_NAME_FILES: Final = """
    WITH named AS (
        -- Sorted, so that two writers wait for each other and not in a circle.
        INSERT INTO problem_objects (sha256, size_bytes)
        SELECT sha256, size_bytes
        FROM unnest(CAST(:sha256 AS text[]), CAST(:sizes AS bigint[])) AS file (sha256, size_bytes) ORDER BY sha256
        ON CONFLICT (sha256) DO UPDATE SET size_bytes = excluded.size_bytes
        RETURNING sha256, stored
    ), referred AS (
        INSERT INTO problem_references (version, sha256) SELECT :version, sha256 FROM named
    )
    SELECT sha256 FROM named WHERE NOT stored
"""
_STORED: Final = "UPDATE problem_objects SET stored = true WHERE sha256 = ANY(:sha256) AND NOT stored"
_UNNAMED: Final = """
    SELECT sha256 FROM problem_objects o
    WHERE NOT EXISTS (SELECT FROM problem_references WHERE problem_references.sha256 = o.sha256)
    ORDER BY sha256 LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_FORGET: Final = """
    DELETE FROM problem_objects o WHERE sha256 = ANY(:sha256)
        AND NOT EXISTS (SELECT FROM problem_references WHERE problem_references.sha256 = o.sha256)
    RETURNING sha256
"""


def key_of(sha256: str) -> str:
    """Return the key of a file in the object store."""
    return f"{FOLDER}/{sha256}"


async def name_files(connection: Connection, version: int, sizes: Mapping[str, int]) -> list[str]:
    """Record the files of a version by their SHA-256, with their bytes. Return those that may not be stored yet."""
    values = {"version": version, "sha256": list(sizes), "sizes": list(sizes.values())}
    return [row["sha256"] for row in await connection.fetch_all(_NAME_FILES, values)]


async def store_files(
    database: Database, store: ObjectStore, missing: Iterable[str], read: Callable[[str], bytes]
) -> None:
    """Store these files. `read` returns the bytes of one; it is called in a thread."""

    async def put(sha256: str) -> None:
        await store.put(key_of(sha256), await asyncio.to_thread(read, sha256))

    waiting = list(missing)
    for start in range(0, len(waiting), _AT_ONCE):
        some = waiting[start : start + _AT_ONCE]
        async with asyncio.TaskGroup() as tasks:
            for sha256 in some:
                tasks.create_task(put(sha256))
        async with database.connection() as connection:
            await connection.execute(_STORED, {"sha256": some})


async def read_file(store: ObjectStore, sha256: str) -> bytes:
    """Return the bytes of a file. Raise `ObjectNotFound` if it is not there, `PermanentError` if it is another."""
    data = await store.get(key_of(sha256))
    if await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest()) != sha256:
        raise PermanentError("a file of the problem has changed in the object store")
    return data


async def remove_unnamed(database: Database, store: ObjectStore, *, limit: int) -> int:
    """Remove files that no version names, and return how many were looked at."""
    async with database.transaction() as connection:
        rows = await connection.fetch_all(_UNNAMED, {"limit": limit})
        # The rows are locked, so what names one of the files from now on waits for the commit.
        gone = await connection.fetch_all(_FORGET, {"sha256": [row["sha256"] for row in rows]}) if rows else []
        for row in gone:
            await store.delete(key_of(row["sha256"]))
    return len(rows)
