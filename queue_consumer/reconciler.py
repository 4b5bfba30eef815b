"""Finds requests whose message did not arrive, and makes their jobs without it.

A broker may lose a message, keep it behind a day's backlog, or make it a dead letter because of a bug of ours. The
request is in the database in each case. `JobMaker` makes one job for one request, so a message that arrives later
changes nothing.
"""

import asyncio
from typing import Final
from uuid import UUID

from queue_consumer.jobs import InvalidMessage, JobMaker
from shared.adapters.database.connection import Connection, Database, Record
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable, TransientError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_BATCH: Final = 100
#: Seconds until a request without a job gets one.
_SILENCE_SECONDS: Final = 300.0
#: A request that still fails by an error of ours after this many times as long is given up, and its reason is mailed.
_PATIENCE: Final = 4
#: A request is given up too if this many consumers died while they made its job.
_MAX_CRASHES: Final = 5

# One consumer at a time makes the job of a request. Else those that are alive would be counted as dead. The transaction
# is idle while the job is made, which takes more than a minute if the store is slow.
_LOCK: Final = """
    SELECT stopped_consumers, pg_try_advisory_xact_lock(hashtextextended(CAST(:request AS text), 0)) AS is_ours,
        set_config('idle_in_transaction_session_timeout', '10min', true)
    FROM uploads WHERE id = :upload
"""

_SILENT: Final = """
    SELECT id, request_id, requested_at < now() - make_interval(secs => :patience) AS overdue
    FROM uploads
    -- Without a time it was requested by the code of an earlier release.
    WHERE request_id IS NOT NULL
        AND (requested_at IS NULL OR requested_at < now() - make_interval(secs => :silence))
        AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = uploads.request_id)
    ORDER BY requested_at LIMIT :limit
"""
_COUNT_CONSUMER: Final = """
    UPDATE uploads SET stopped_consumers = greatest(0, stopped_consumers + CAST(:change AS integer))
    WHERE id = :id
"""


class Reconciler:
    """Makes the jobs of requests without a message. Each consumer has one, and they may run at the same time."""

    def __init__(self, database: Database, maker: JobMaker, *, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self._database = database
        self._maker = maker
        self._silence = silence_seconds

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.run_once()
            except DatabaseUnavailable as exc:
                log.warning("reconciler.waiting", error=str(exc))
            await wait_any(stop, timeout=self._silence / 5)

    async def run_once(self) -> list[int]:
        """Make the missing jobs, and return their ids."""
        values = {"silence": self._silence, "patience": _PATIENCE * self._silence, "limit": _BATCH}
        silent = await self._database.call(Connection.fetch_all, _SILENT, values)
        jobs = [await self._make_locked(row) for row in silent]
        return [job for job in jobs if job is not None]

    async def _make_locked(self, row: Record) -> int | None:
        """Make a job, unless another consumer makes it at this moment."""
        async with self._database.transaction() as connection:
            lock = await connection.fetch_one(_LOCK, {"upload": row["id"], "request": str(row["request_id"])})
            if lock is None or not lock["is_ours"]:
                return None
            # Another task has a connection of its own, so that the count is committed before the job is made.
            return await asyncio.create_task(self._make_counted(row, lock["stopped_consumers"]))

    async def _make_counted(self, row: Record, crashes: int) -> int | None:
        """Make a job. The consumer is counted meanwhile, so the count keeps those that died: `crashes` so far."""
        upload, request = row["id"], row["request_id"]
        if crashes >= _MAX_CRASHES:
            log.error("request.given_up", upload=upload, request=str(request), crashes=crashes)
            reason = f"the queue consumer died {crashes} times while it made the job"
            job = await self._maker.give_up(upload, request, reason)
            await self._count(upload, -crashes)
            return job
        await self._count(upload, 1)
        try:
            job = await self._make(upload, request, overdue=bool(row["overdue"]))
        except DatabaseUnavailable:
            # This consumer is alive. If it still cannot reach the database, the request stays counted once too often.
            await self._count(upload, -1)
            raise
        await self._count(upload, -1)
        return job

    async def _count(self, upload: int, change: int) -> None:
        await self._database.call(Connection.execute, _COUNT_CONSUMER, {"id": upload, "change": change})

    async def _make(self, upload: int, request: UUID, *, overdue: bool) -> int | None:
        context = {"upload": upload, "request": str(request)}
        try:
            job = await self._maker.make(str(upload).encode(), str(request))
        except DatabaseUnavailable:
            raise
        except TransientError as exc:
            log.warning("request.waiting", **context, error=str(exc))
            return None
        except InvalidMessage as exc:
            log.warning("request.rejected", **context, reason=str(exc))
            return None
        except Exception as exc:
            log.exception("request.crashed", **context)
            if not overdue:
                return None
            return await self._maker.give_up(upload, request, f"an internal error ({type(exc).__name__})")
        log.warning("request.message_missing", **context, job=job)
        return job
