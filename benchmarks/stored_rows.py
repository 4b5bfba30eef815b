"""Compares the pipeline's statements in a database of a thousand submissions and in one of a million.

The services' own code runs the statements. The two databases are on one server and used in turn.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from statistics import median
from typing import Final
from uuid import uuid4

from pydantic import SecretStr

from api_service.auth import Principal
from api_service.charges import Charges
from api_service.listing import Listing
from api_service.new_submission import NewSubmission, Object
from api_service.schemas import ListQuery
from api_service.shares import Shares
from api_service.submissions import Submissions
from benchmarks.findings import Finding, by_stored_rows
from benchmarks.load import SOURCE
from benchmarks.surroundings import Surroundings, execute
from job_runner import claim
from job_runner.emails import queue
from queue_consumer.jobs import JobMaker
from shared.api_keys import Scope
from shared.database.connection import Connection, Database, DatabaseSettings

_FEW: Final = 1_000
_MANY: Final = 1_000_000
_ROUNDS: Final = 200
_VACUUM_EVERY: Final = 20
_TARGET: Final = 1.2
_PER_SENDER: Final = 20
#: The number of waiting jobs, the same in both databases.
_WAITING: Final = 100

_FILL: Final = (
    """
    INSERT INTO uploads (email, inputs, language, filename, object_key, size_bytes, sha256)
    SELECT 'sender' || n / {per_sender} || '@example.com', '1000', 'python', 'p.py', n || '.py', 52, repeat('0', 64)
    FROM generate_series(1, {rows}) AS n
    """,
    """
    INSERT INTO job (upload, job, status, request_id, sender, turn, attempt, started_at, finished_at)
    SELECT id, '{{"language": "python", "inputs": "1000", "contents": "print(1)"}}',
        CASE WHEN id > {rows} - {waiting} THEN 'none-executed' ELSE 'executed' END, gen_random_uuid(), email,
        id / {per_sender}, 1, now(), now()
    FROM uploads
    """,
    """
    INSERT INTO results (job, upload, output, output_key, verdict, exit_code, time_s, wall_s, engine)
    SELECT id, upload, '332833500', 'results/' || id, 'OK', 0, 0.01, 0.02, '{{}}' FROM job WHERE status = 'executed'
    """,
    """
    INSERT INTO emails (job, kind, recipient, subject, text, html, message_id, status, sent_at)
    SELECT id, 'result', sender, 'Successful Code result - ' || upload, 'text', 'html', CAST(request_id AS text),
        CASE WHEN id > {rows} - 2 * {waiting} THEN 'queued' ELSE 'sent' END, now()
    FROM job WHERE status = 'executed'
    """,
    "VACUUM ANALYZE",
)


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    urls = {rows: surroundings.new_database() for rows in (_FEW, _MANY)}
    for rows, url in urls.items():
        execute(url, *(part.format(rows=rows, per_sender=_PER_SENDER, waiting=_WAITING) for part in _FILL))
        execute(url, "CHECKPOINT")
    took = asyncio.run(_rounds(urls))
    for name in _OPERATIONS:
        yield by_stored_rows(name, {rows: median(took[name, rows]) for rows in (_FEW, _MANY)}, _TARGET)


async def _rounds(urls: dict[int, str]) -> dict[tuple[str, int], list[float]]:
    took: dict[tuple[str, int], list[float]] = defaultdict(list)
    async with _sides(urls) as sides:
        for turn in range(_ROUNDS + 20):
            if turn % _VACUUM_EVERY == 0:
                await _vacuum(sides.values())
            for name, operation in _OPERATIONS.items():
                # The order alternates, so that neither always profits from the other's caches.
                for rows in sorted(sides, reverse=turn % 2 == 0):
                    milliseconds = await operation(sides[rows])
                    if turn >= 20:
                        took[name, rows].append(milliseconds)
    return took


async def _vacuum(sides: Iterable["_Side"]) -> None:
    """Remove the row versions that our rollbacks left.

    The server itself would do it for the thousand rows but not for the million, which would change the ratio.
    """
    for side in sides:
        async with side.database.connection() as connection:
            await connection.execute("VACUUM job")
            await connection.execute("VACUUM emails")


class _Side:
    """One database, and the services' objects that use it."""

    def __init__(self, database: Database, rows: int) -> None:
        self.database = database
        self.submissions = Submissions(database, _NoStore(), Charges(key_budget=10**9, recipient_budget=10**9))
        self.listing = Listing(database, _NoStore(), Shares(8 << 20, "Lists"))
        self.maker = JobMaker(database, _NoStore())
        self.sender = f"sender{rows // _PER_SENDER // 2}@example.com"
        self.principal = Principal(None, frozenset(Scope))
        self.registered = 0


@asynccontextmanager
async def _sides(urls: dict[int, str]) -> AsyncIterator[dict[int, _Side]]:
    databases = {rows: Database(DatabaseSettings(database_url=SecretStr(url))) for rows, url in urls.items()}
    for database in databases.values():
        await database.connect()
    try:
        yield {rows: _Side(database, rows) for rows, database in databases.items()}
    finally:
        for database in databases.values():
            await database.disconnect()


async def _register(side: _Side) -> float:
    email = f"{uuid4().hex}@example.com"
    new = NewSubmission("python", "p.py", Object(SOURCE, "py"), stdin="1000", email=email)
    started = time.perf_counter()
    side.registered = await side.submissions.register(side.principal, new)
    return _since(started)


async def _ask(side: _Side) -> float:
    started = time.perf_counter()
    await side.submissions.request_execution(side.principal, side.registered)
    return _since(started)


async def _make(side: _Side) -> float:
    started = time.perf_counter()
    await side.maker.make(str(side.registered).encode(), str(uuid4()))
    return _since(started)


async def _status(side: _Side) -> float:
    started = time.perf_counter()
    async for _ in side.listing.pieces(side.principal, ListQuery(email=side.sender)):
        pass
    return _since(started)


async def _claim_job(side: _Side) -> float:
    return await _undone(side, lambda connection: claim.claim(connection, limit=1, lease_seconds=15))


async def _claim_mail(side: _Side) -> float:
    return await _undone(side, lambda connection: queue.claim(connection, limit=1, lease_seconds=15))


class _Undo(Exception):
    """Raised to roll a transaction back."""


async def _undone(side: _Side, operation: Callable[[Connection], Awaitable[object]]) -> float:
    """Return the time of a statement, and roll it back, so that the next one finds the same rows."""
    milliseconds = 0.0
    with suppress(_Undo):
        async with side.database.transaction() as connection:
            started = time.perf_counter()
            await operation(connection)
            milliseconds = _since(started)
            raise _Undo
    return milliseconds


def _since(started: float) -> float:
    return 1000 * (time.perf_counter() - started)


_OPERATIONS: Final[dict[str, Callable[[_Side], Awaitable[float]]]] = {
    "insert an upload": _register,
    "request a run": _ask,
    "insert its job": _make,
    "claim a job": _claim_job,
    "claim a mail": _claim_mail,
    "status by address": _status,
}


class _NoStore:
    """A store in which every object is the same program."""

    async def put(self, key: str, data: bytes, *, content_type: str = "") -> None: ...

    async def get(self, key: str) -> bytes:
        return SOURCE

    async def read(self, key: str, start: int, length: int) -> bytes:
        return SOURCE[start : start + length]

    async def size(self, key: str) -> int:
        return len(SOURCE)

    async def link(self, key: str, *, expires_in: timedelta) -> str:
        return key

    async def delete(self, key: str) -> None: ...

    async def delete_prefix(self, prefix: str) -> None: ...

    async def keys(self, folder: str) -> AsyncGenerator[list[str]]:
        yield []

    async def close(self) -> None: ...
