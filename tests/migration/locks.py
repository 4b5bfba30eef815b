"""Measures how long a writer waits for locks while each revision runs.

It fills a database of revision 0005 with finished submissions. Then it runs the later revisions, one after
the other, while a writer does what services of every release do: it makes submissions, jobs, results and mails, and
changes old rows.
Revision 0005 itself writes the original's tables again, so it is not measured here.
"""

import asyncio
import random
import threading
import time
from typing import Final, Self

import asyncpg
from alembic import command

from shared.adapters.database.migrate import alembic_config
from shared.adapters.database.schema import revisions
from tests.fixtures.postgres import execute, in_thread

#: Seconds. The bound of ADR 37.
MAX_LENGTH: Final = 1.0
_FIRST: Final = "0005"
_WATCH_EVERY: Final = 0.01
#: One submission of so many waits to be run.
_WAITING_SHARE: Final = 100

_FILL: Final = """
    INSERT INTO uploads (id, email, inputs, language, filename, object_key, size_bytes, sha256, request_id, created_at)
        SELECT n, 'user' || n % 5000 || '@example.com', '1000', 'python', 'p.py', n || '.py', 100, md5(n::text),
            CASE WHEN n % {waiting} = 0 THEN gen_random_uuid() END, now() - n * interval '1 second'
        FROM generate_series(1, {rows}) AS n;
    SELECT setval(pg_get_serial_sequence('uploads', 'id'), {rows});
    INSERT INTO job (id, upload, job, status, request_id, finished_at)
        SELECT id, id, '{{}}', CASE WHEN request_id IS NULL THEN 'executed' ELSE 'none-executed' END,
            coalesce(request_id, gen_random_uuid()), CASE WHEN request_id IS NULL THEN created_at END
        FROM uploads;
    SELECT setval(pg_get_serial_sequence('job', 'id'), {rows});
    INSERT INTO results (job, upload, output, verdict)
        SELECT id, upload, '42', 'ok' FROM job WHERE status = 'executed';
    INSERT INTO emails (job, kind, recipient, subject, text, html, message_id, status, sent_at)
        SELECT id, 'result', 'user@example.com', 'Result', 'text', 'html', id::text, 'sent', finished_at
        FROM job WHERE status = 'executed';
    ANALYZE
"""
#: Statements that every revision from 0005 on knows. `$1` is the row of this round, `$2` is an old one.
_UPLOAD: Final = "INSERT INTO uploads (email, inputs, language) VALUES ('a@example.com', '', 'python') RETURNING id"
_JOB: Final = "INSERT INTO job (upload, job, request_id) VALUES ($1, '{}', gen_random_uuid()) RETURNING id"
_MAIL: Final = (
    "INSERT INTO emails (job, kind, recipient, subject, text, html, message_id)"
    " VALUES ($1, 'result', 'a@example.com', 'Result', 'text', 'html', CAST(gen_random_uuid() AS text))"
)
_ROUND: Final = (
    "UPDATE job SET status = 'executing', lease_id = gen_random_uuid() WHERE id = $1",
    "INSERT INTO results (job, output) VALUES ($1, '42')",
    "UPDATE job SET status = 'executed', finished_at = now() WHERE id = $1",
    _MAIL,
    "UPDATE emails SET status = 'sent', sent_at = now() WHERE job = $1",
)
_OLD: Final = "UPDATE uploads SET enable = 0 WHERE id = $1"
_DUE: Final = "SELECT id FROM job WHERE status = 'none-executed' AND run_after <= now() ORDER BY run_after LIMIT 1"


class Writer:
    """Writes in a thread of its own, as a context manager."""

    def __init__(self, url: str, rows: int) -> None:
        self._url = url
        self._rows = rows
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._both()))
        self._pid = 0
        self._failure: BaseException | None = None
        #: Seconds of its longest wait for a lock.
        self.lock = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    async def _both(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._watch())
        except BaseException as exc:
            self._failure = exc

    async def _write(self) -> None:
        connection = await asyncpg.connect(self._url)
        self._pid = connection.get_server_pid()
        while not self._stop.is_set():
            upload = await connection.fetchval(_UPLOAD)
            job = await connection.fetchval(_JOB, upload)
            for statement in _ROUND:
                await connection.execute(statement, job)
            await connection.execute(_OLD, random.randint(1, self._rows))
            await connection.execute(_DUE)
            await asyncio.sleep(0.005)
        await connection.close()

    async def _watch(self) -> None:
        """Note for how long the server says that the writer waits for one lock."""
        connection = await asyncpg.connect(self._url)
        waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
        since: float | None = None
        while not self._stop.is_set():
            waiting = await connection.fetchval(waits, self._pid)
            now = time.perf_counter()
            since = (since or now) if waiting else None
            self.lock = max(self.lock, now - since if since else 0.0)
            await asyncio.sleep(_WATCH_EVERY)
        await connection.close()


def upgrade(url: str, revision: str) -> None:
    in_thread(lambda: command.upgrade(alembic_config(url), revision))


def fill(url: str, rows: int) -> None:
    """Make a database of revision 0005 with so many finished submissions."""
    upgrade(url, _FIRST)
    for statement in _FILL.format(rows=rows, waiting=_WAITING_SHARE).split(";\n"):
        execute(url, statement)


def measure(url: str, rows: int) -> dict[str, float]:
    """Run each revision after 0005 on a filled database. Return how long a writer waited for one lock meanwhile."""
    waits = {}
    for revision in (each for each in revisions() if each > _FIRST):
        with Writer(url, rows) as writer:
            upgrade(url, revision)
        waits[revision] = writer.lock
    return waits
