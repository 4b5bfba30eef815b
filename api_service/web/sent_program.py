"""Reads the program and the inputs of a submission, as far as its recipient may see them."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api_service.v1.output.content import ZIP
from api_service.v1.output.stored_bytes import SOURCE_COLUMNS, source_of
from shared.database.connection import Database
from shared.files.archives import unpack
from shared.storage.base import ObjectStore

#: The most bytes of all files of a program.
_PROGRAM_LIMIT: Final = 64 << 10
#: The latest run may have had an input of its own. The input of a hidden test is null.
_FIND: Final = f"""
    SELECT {SOURCE_COLUMNS}, filename, left(coalesce(override ->> 'stdin', inputs), :limit) AS stdin, (
        SELECT jsonb_agg(CASE WHEN NOT CAST(test ->> 'hidden' AS boolean) THEN left(test ->> 'stdin', :limit) END
            ORDER BY nth)
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

    If a test is hidden, one file of several may hold its answer, so none is returned.
    """
    async with database.connection() as connection:
        row = await connection.fetch_one(_FIND, {"id": upload, "limit": text_limit})
    if row is None:
        return SentProgram({}, "", {})
    inputs: Sequence[str | None] = json.loads(row["inputs"] or "[]")
    files: Mapping[str, str] = {}
    content = await source_of(store, row)
    if content is not None and content.media_type != ZIP:
        files = dict(_texts([(row["filename"] or "", await content.read(0, _PROGRAM_LIMIT))]))
    elif content is not None and None not in inputs:
        files = dict(_texts((await asyncio.to_thread(unpack, await content.read(0, content.size))).items()))
    shown = {number: stdin for number, stdin in enumerate(inputs, 1) if stdin}
    return SentProgram(files, row["stdin"] or "", shown)


def _texts(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Yield the files that are text, until there are many bytes."""
    room = _PROGRAM_LIMIT
    for path, data in files:
        if room > 0 and b"\0" not in data:
            yield path, data[:room].decode(errors="replace")
            room -= len(data)
