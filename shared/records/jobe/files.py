"""The files that clients of Jobe send before the runs that need them: rows by key and id, objects by SHA-256.

This is a cache. A client is told if one of its files is missing, and sends it again. So an object may be gone whose row
is still there, for example if two processes store and remove it at the same moment.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore

#: All keys of these files begin with it.
FOLDER: Final = "jobe"
#: The most files of one key, so that counting its bytes takes no time.
_MAX_FILES: Final = 16_384
_BATCH: Final = 1000
#: Bytes of the files that a process keeps in memory, and of each of them.
_CACHE_BYTES, _CACHED_FILE_BYTES = 8 << 20, 64 << 10

_PUT: Final = """
    WITH earlier AS (SELECT sha256 FROM jobe_files WHERE owner = :owner AND id = :id)
    INSERT INTO jobe_files (owner, id, sha256, size_bytes) VALUES (:owner, :id, :sha256, :size_bytes)
    ON CONFLICT (owner, id) DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes, used_at = now()
    RETURNING (SELECT sha256 FROM earlier) AS sha256
"""
# The file that was used last stays in any case.
_DELETE_EXCESS: Final = """
    DELETE FROM jobe_files USING (
        SELECT id FROM jobe_files WHERE owner = :owner AND id IN (
            SELECT id FROM (
                SELECT id, sum(size_bytes) OVER recent AS size_bytes, row_number() OVER recent AS number
                FROM jobe_files WHERE owner = :owner WINDOW recent AS (ORDER BY used_at DESC, id)
            ) AS counted WHERE number > 1 AND (size_bytes > :max_bytes OR number > :max_files)
        ) FOR UPDATE SKIP LOCKED
    ) AS excess WHERE jobe_files.owner = :owner AND jobe_files.id = excess.id RETURNING sha256
"""
_FIND: Final = """
    SELECT id, sha256, size_bytes, used_at < now() - interval '1 day' AS is_stale
    FROM jobe_files WHERE owner = :owner AND id = ANY(:ids)
"""
_USED: Final = """
    UPDATE jobe_files SET used_at = now() FROM (
        SELECT id FROM jobe_files WHERE owner = :owner AND id = ANY(:ids) FOR UPDATE SKIP LOCKED
    ) AS used WHERE jobe_files.owner = :owner AND jobe_files.id = used.id
"""
# The time of the last use may be a day old.
_DELETE_UNUSED: Final = """
    DELETE FROM jobe_files USING (
        SELECT owner, id FROM jobe_files WHERE used_at < now() - interval '3 days'
        ORDER BY used_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS unused WHERE jobe_files.owner = unused.owner AND jobe_files.id = unused.id RETURNING sha256
"""
_UNNAMED: Final = """
    SELECT sha256 FROM unnest(CAST(:sha256 AS text[])) AS object (sha256)
    WHERE NOT EXISTS (SELECT FROM jobe_files WHERE jobe_files.sha256 = object.sha256)
"""


@dataclass(frozen=True, slots=True)
class JobeFile:
    contents: "FileContents"
    sha256: str
    size_bytes: int

    async def read(self) -> bytes:
        """Return its content. Raises `ObjectNotFound` if its object is gone."""
        return await self.contents.read(self)


class FileContents:
    """Reads files from the object store, and keeps small ones in memory."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._cache: LRUCache[str, bytes] = LRUCache(_CACHE_BYTES, getsizeof=len)

    async def read(self, file: JobeFile) -> bytes:
        content = self._cache.get(file.sha256)
        if content is None:
            content = await self._store.get(key_of(file.sha256))
            if file.size_bytes <= _CACHED_FILE_BYTES:
                self._cache[file.sha256] = content
        return content


def key_of(sha256: str) -> str:
    """Return the key of a file in the object store."""
    return f"{FOLDER}/{sha256}"


async def put_file(database: Database, store: ObjectStore, owner: int, id_: str, data: bytes, max_bytes: int) -> None:
    """Store a file, or replace it. If the owner's files have more than `max_bytes`, those go that were used first."""
    sha256 = hashlib.sha256(data).hexdigest()
    async with database.connection() as connection:
        # The row is first, so that the object is not removed as one without a row.
        values = {"owner": owner, "id": id_, "sha256": sha256, "size_bytes": len(data)}
        unused = await connection.fetch_all(_PUT, values)
        bounds = {"owner": owner, "max_bytes": max_bytes, "max_files": _MAX_FILES}
        unused += await connection.fetch_all(_DELETE_EXCESS, bounds)
    await store.put(key_of(sha256), data)
    await _remove_unnamed(database, store, {row["sha256"] for row in unused if row["sha256"]})


async def find_files(
    database: Database, contents: FileContents, owner: int, ids: Collection[str]
) -> Mapping[str, JobeFile]:
    """Return those files of an owner that there are, by their ids. They count as used now."""
    async with database.connection() as connection:
        rows = await connection.fetch_all(_FIND, {"owner": owner, "ids": list(ids)})
        if stale := [row["id"] for row in rows if row["is_stale"]]:
            await connection.execute(_USED, {"owner": owner, "ids": stale})
    return {row["id"]: JobeFile(contents, row["sha256"], row["size_bytes"]) for row in rows}


async def remove_unused_files(database: Database, store: ObjectStore) -> None:
    """Remove the files that were not used for at least two days, and objects without a row."""
    deleted = _BATCH
    while deleted == _BATCH:
        deleted = len(await database.call(Connection.fetch_all, _DELETE_UNUSED, {"limit": _BATCH}))
    async for keys in store.keys(FOLDER):
        await _remove_unnamed(database, store, {key.removeprefix(f"{FOLDER}/") for key in keys})


async def _remove_unnamed(database: Database, store: ObjectStore, digests: Collection[str]) -> None:
    if digests:
        for row in await database.call(Connection.fetch_all, _UNNAMED, {"sha256": list(digests)}):
            await store.delete(key_of(row["sha256"]))
