"""The files of problems in the object store: packages, tests, programs and statements, each by its SHA-256, once.

A version of a problem names its files before they are stored, and is seen when they are. The cleaner removes a file
that no version names. It locks the file's row, so a version that names the file meanwhile waits, and stores it again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.background import all_of
from shared.common.service.errors import PermanentError
from shared.judging.packages.model import ArchiveFile, Package
from shared.judging.packages.statements import statement_files

#: All keys of these files begin with it.
FOLDER: Final = "problems"
#: Files that are stored at once.
_AT_ONCE: Final = 8
#: Bytes after which no other file is stored at once with some.
_BYTES_AT_ONCE: Final = 16 << 20

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
_COUNT_OF_VERSION: Final = "SELECT count(*) FROM problem_references WHERE version = :version"
_STORED: Final = """
    WITH files AS MATERIALIZED (
        SELECT sha256 FROM problem_objects WHERE sha256 = ANY(:sha256) AND NOT stored ORDER BY sha256 FOR UPDATE
    )
    UPDATE problem_objects SET stored = true FROM files WHERE problem_objects.sha256 = files.sha256
"""
# A version that names one of these files from now on stores it again.
_DISTRUST: Final = """
    WITH unnamed AS MATERIALIZED (
        SELECT sha256 FROM problem_objects o
        WHERE NOT EXISTS (SELECT FROM problem_references WHERE problem_references.sha256 = o.sha256)
        ORDER BY sha256 LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE problem_objects SET stored = false FROM unnamed WHERE problem_objects.sha256 = unnamed.sha256
    RETURNING problem_objects.sha256
"""
_LOCK: Final = """
    SELECT sha256 FROM problem_objects WHERE sha256 = ANY(:sha256) AND NOT stored
    ORDER BY sha256 FOR UPDATE SKIP LOCKED
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


async def count_files(connection: Connection, version: int) -> int:
    """Return how many files a version has named. A release that kept no statements named fewer."""
    return int(await connection.fetch_value(_COUNT_OF_VERSION, {"version": version}))


def needed_files(package: Package) -> list[ArchiveFile]:
    """Return the files of tests, programs that can run, samples and statements: not attachments, for example."""
    programs = [judge.program for judge in package.judges.values()]
    programs += [package.grader] if package.grader else []
    programs += [*package.input_validators, *(submission.program for submission in package.submissions)]
    paths: list[str | None] = [path for program in programs if not program.fault for path in program.files.values()]
    paths += [path for included in package.includes.values() for path in included.values()]
    paths += [path for tests in package.unit_tests.values() for path in tests.files.values()]
    for test in (*package.tests, *(data.test for data in package.data_tests)):
        paths += [test.input, test.answer, *test.files.values()]
    paths += [data.output for data in package.data_tests]
    paths += [path for sample in package.samples for path in (sample.input, sample.answer, sample.interaction)]
    paths += statement_files(package)
    return list({(file := package.files[path]).digest: file for path in paths if path}.values())


async def store_files(
    database: Database, store: ObjectStore, missing: Mapping[str, int], open_file: Callable[[str], BinaryIO]
) -> None:
    """Store the files of these SHA-256s and sizes, a few at once and in pieces. `open_file` opens one."""

    async def put(sha256: str) -> None:
        with open_file(sha256) as file:
            await store.put(key_of(sha256), file)

    waiting = sorted(missing, key=lambda sha256: missing[sha256])
    while waiting:
        some = [waiting.pop()]
        while waiting and len(some) < _AT_ONCE and sum(missing[sha256] for sha256 in some) < _BYTES_AT_ONCE:
            some.append(waiting.pop())
        await all_of(map(put, some))
        await database.call(Connection.execute, _STORED, {"sha256": some})


async def read_file(store: ObjectStore, sha256: str) -> bytes:
    """Return the bytes of a file. Raise `ObjectNotFound` if it is not there, `PermanentError` if it is another."""
    data = await store.get(key_of(sha256))
    if await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest()) != sha256:
        raise PermanentError("a file of the problem has changed in the object store")
    return data


async def remove_unnamed(database: Database, store: ObjectStore, *, limit: int) -> int:
    """Remove files that no version names, and return how many were looked at."""
    # Committed first: what is removed below stays removed, even if its transaction does not commit.
    digests = [row["sha256"] for row in await database.call(Connection.fetch_all, _DISTRUST, {"limit": limit})]
    async with database.transaction() as connection:
        rows = await connection.fetch_all(_LOCK, {"sha256": digests}) if digests else []
        # The rows are locked, so what names one of the files from now on waits for the commit.
        gone = await connection.fetch_all(_FORGET, {"sha256": [row["sha256"] for row in rows]}) if rows else []
        for row in gone:
            await store.delete(key_of(row["sha256"]))
    return len(digests)
