"""Compares what API v1 reads in a database of a thousand submissions and in one of a million, all of one key.

The API's own code runs the statements. The two databases are on one server and used in turn.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from pydantic import SecretStr

from api_service.v1 import list_pages
from api_service.v1.list_pages import Position
from api_service.v1.list_query import ListQuery
from benchmarks.findings import Finding, by_stored_rows
from benchmarks.surroundings import Surroundings, execute
from shared.database.connection import Connection, Database, DatabaseSettings
from shared.resources import read
from shared.resources.links import Links
from shared.storage.signing import LinkSigner

_FEW: Final = 1_000
_MANY: Final = 1_000_000
_ROUNDS: Final = 100
_TARGET: Final = 1.2
#: The number of submissions of the address, and of those with the rare verdict or the rare metadata.
_OF_EACH: Final = 20
_KEY: Final = 1

_FILL: Final = (
    f"INSERT INTO api_keys (id, name, sha256, scopes) VALUES ({_KEY}, 'bench', repeat('0', 64), '{{{{read}}}}')",
    # The rare ones are spread over all.
    f"""
    INSERT INTO uploads (id, owner, email, inputs, language, filename, object_key, size_bytes, sha256, spec, files,
        metadata, runs, outcome, verdict, created_at)
    SELECT n, {_KEY}, 'sender' || n / {_OF_EACH} || '@example.com', '1000', 'py', 'main.py', n || '.py', 52,
        repeat('0', 64), '{{{{}}}}', '[{{{{"path": "main.py", "size_bytes": 52}}}}]',
        jsonb_build_object('course', CASE WHEN n % ({{rows}} / {_OF_EACH}) = 0 THEN 'rare' ELSE 'usual' END),
        1, 'finished', CASE WHEN n % ({{rows}} / {_OF_EACH}) = 0 THEN 'memory_limit' ELSE 'ok' END,
        timestamptz '2026-01-01' + n * interval '1 s'
    FROM generate_series(1, {{rows}}) AS n
    """,
    """
    INSERT INTO job (upload, status, request_id, owner, sender, attempt, started_at, finished_at, requested_at)
    SELECT id, 'executed', gen_random_uuid(), owner, email, 1, created_at, created_at, created_at FROM uploads
    """,
    """
    INSERT INTO results (job, upload, output, output_key, verdict, exit_code, time_s, wall_s, engine)
    SELECT job.id, upload, '332833500', 'results/' || job.id, verdict, 0, 0.01, 0.02, '{{}}'
    FROM job JOIN uploads ON uploads.id = job.upload
    """,
    # The first submission has a fiftieth as many runs as there are submissions.
    """
    INSERT INTO job (upload, status, request_id, attempt, started_at, finished_at, requested_at, number)
    SELECT 1, 'executed', gen_random_uuid(), 1, now(), now(), now(), n FROM generate_series(2, {rows} / 50) AS n
    """,
    "UPDATE uploads SET runs = {rows} / 50 WHERE id = 1",
    "VACUUM ANALYZE",
)


@dataclass(frozen=True, slots=True)
class _Side:
    database: Database
    rows: int


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    urls = {rows: surroundings.new_database() for rows in (_FEW, _MANY)}
    for rows, url in urls.items():
        execute(url, *(part.format(rows=rows) for part in _FILL), "CHECKPOINT")
    took = asyncio.run(_rounds(urls))
    for name in _OPERATIONS:
        yield by_stored_rows(name, {rows: median(took[name, rows]) for rows in (_FEW, _MANY)}, _TARGET)


async def _rounds(urls: dict[int, str]) -> dict[tuple[str, int], list[float]]:
    took: dict[tuple[str, int], list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        sides = []
        for rows, url in urls.items():
            database = Database(DatabaseSettings(database_url=SecretStr(url)))
            await database.connect()
            stack.push_async_callback(database.disconnect)
            sides.append(_Side(database, rows))
        for turn in range(_ROUNDS + 20):
            for name, operation in _OPERATIONS.items():
                # The order alternates, so that neither always profits from the caches that the other has filled.
                for side in sides if turn % 2 else reversed(sides):
                    async with side.database.connection() as connection:
                        started = time.perf_counter()
                        await operation(connection, side.rows)
                        if turn >= 20:
                            took[name, side.rows].append(1000 * (time.perf_counter() - started))
    return took


async def _get(connection: Connection, rows: int) -> None:
    assert await read.submission(connection, rows // 2, links=_LINKS, owner=_KEY)


async def _get_run(connection: Connection, rows: int) -> None:
    assert await read.run(connection, 1, rows // 100, links=_LINKS, owner=_KEY)


async def _list_runs(connection: Connection, rows: int) -> None:
    found = await read.runs(connection, 1, limit=10, before=rows // 100, owner=_KEY)
    assert found
    assert [run.number for run in found[0]] == list(range(rows // 100 - 1, max(rows // 100 - 11, 0), -1))


async def _list(
    connection: Connection, rows: int, *, in_the_middle: bool = False, by_address: bool = False, **filters: object
) -> None:
    if by_address:
        filters["email"] = f"SENDER{rows // 2 // _OF_EACH}@example.com"
    after = None
    if in_the_middle:
        row = await connection.fetch_one("SELECT created_at FROM uploads WHERE id = :id", {"id": rows // 2})
        assert row
        after = Position(row["created_at"], rows // 2)
    query = ListQuery.model_validate({"limit": _OF_EACH, **filters})
    found, _ = await list_pages.find(connection, query, owner=_KEY, after=after)
    items = await read.submissions(connection, found, links=_LINKS)
    assert len(items) == _OF_EACH


_LINKS: Final = Links(LinkSigner(b"k" * 32, "http://127.0.0.1:8000"))
_OPERATIONS: Final[dict[str, Callable[[Connection, int], Awaitable[None]]]] = {
    "get a submission": _get,
    "list the newest": _list,
    "list from the middle": partial(_list, in_the_middle=True),
    "list by address": partial(_list, by_address=True),
    "list by a rare verdict": partial(_list, verdict="memory_limit"),
    "list by rare metadata": partial(_list, metadata={"course": "rare"}),
    "get one of many runs": _get_run,
    "list many runs": _list_runs,
}
