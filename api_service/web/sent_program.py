"""Reads the program and the inputs of a submission, as far as its recipient may see them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api_service.requests.content import ZIP
from api_service.v1.reads.stored_bytes import SOURCE_COLUMNS, source_of
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.common.files.archives import unpack
from shared.judging.packages.model import Package
from shared.records.problems.files import key_of
from shared.records.problems.versions import package_of

#: The most bytes of all files of a program, and of all inputs of a problem's samples.
_PROGRAM_LIMIT: Final = 64 << 10
#: The latest run may have had an input of its own. The input of a hidden test is null.
_FIND: Final = f"""
    SELECT {SOURCE_COLUMNS}, filename, problem_version, left(coalesce(override ->> 'stdin', inputs), :limit) AS stdin, (
        SELECT jsonb_agg(CASE WHEN spec ->> 'unit_tests' IS NOT NULL THEN ''  -- no file of the program has them
            WHEN NOT CAST(test ->> 'hidden' AS boolean) THEN left(test ->> 'stdin', :limit) END ORDER BY nth)
        FROM jsonb_array_elements(tests) WITH ORDINALITY AS each (test, nth)
    ) AS inputs
    FROM uploads WHERE id = :id
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class SentProgram:
    """The files that are text, by path, the standard input, and that of each test by its number."""

    files: Mapping[str, str]
    stdin: str
    inputs: Mapping[int, str]


async def sent_program(database: Database, store: ObjectStore, upload: int, *, text_limit: int) -> SentProgram:
    """Return what was sent. Each input is cut to `text_limit` characters.

    If a test is hidden, one file of several may hold its answer, so none is returned. The tests of a problem are its
    owner's: of them only the inputs of samples are returned.
    """
    package = None
    async with database.connection() as connection:
        row = await connection.fetch_one(_FIND, {"id": upload, "limit": text_limit})
        if row is None:
            return SentProgram({}, "", {})
        if row["problem_version"] is not None:
            package = await package_of(connection, row["problem_version"])
    inputs: Sequence[str | None] = json.loads(row["inputs"] or "[]")
    files: Mapping[str, str] = {}
    content = await source_of(store, row)
    if content is not None and content.media_type != ZIP:
        files = dict(_texts([(row["filename"] or "", await content.read(0, _PROGRAM_LIMIT))]))
    elif content is not None and None not in inputs:
        files = dict(_texts((await asyncio.to_thread(unpack, await content.read(0, content.size))).items()))
    shown = {number: stdin for number, stdin in enumerate(inputs, 1) if stdin}
    if package is not None:
        shown = {number: stdin[:text_limit] async for number, stdin in _inputs_of_samples(store, package)}
    return SentProgram(files, row["stdin"] or "", shown)


async def _inputs_of_samples(store: ObjectStore, package: Package) -> AsyncIterator[tuple[int, str]]:
    """Yield the input of each sample, by the number of its test, until there are many bytes."""
    paths = {sample.name: sample.input for sample in package.samples}
    room = _PROGRAM_LIMIT
    for test in package.tests:
        file = package.files[path] if (path := paths.get(test.name)) else None
        size = min(file.size_bytes, room) if file else 0
        if file and size:
            yield test.number, (await store.read(key_of(file.digest), 0, size)).decode(errors="replace")
            room -= size


def _texts(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Yield the files that are text, until there are many bytes."""
    room = _PROGRAM_LIMIT
    for path, data in files:
        if room > 0 and b"\0" not in data:
            yield path, data[:room].decode(errors="replace")
            room -= len(data)
