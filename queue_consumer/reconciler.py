"""Finds requests for execution whose message never arrived, and makes their jobs without it.

A broker may lose a message, keep it behind a day's backlog, or bury it after a defect of ours. Whatever happened: the
request is in the database, and `JobMaker` makes one job of one request, however often it is asked to. So nothing has
to be found out about the message, and should it come after all, it changes nothing.
"""

import asyncio
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from queue_consumer.jobs import JobMaker, Unusable
from shared.database.connection import Database, Record
from shared.errors import DatabaseUnavailable, TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.settings import Settings

log = get_logger(__name__)

_BATCH: Final = 100
#: A request that still makes us crash after this many deadlines is failed, with a mail that says so.
_PATIENCE: Final = 4
#: A request over which this many consumers stopped is given up too.
_MAX_CRASHES: Final = 5


class ReconcilerSettings(Settings):
    silence_seconds: Annotated[
        float, Field(ge=1, le=86400, description="a request that became no job within this is looked after")
    ] = 300


class Reconciler:
    """Every consumer has one; they do not get in each other's way."""

    def __init__(self, database: Database, maker: JobMaker, settings: ReconcilerSettings) -> None:
        self._database = database
        self._maker = maker
        self._silence = settings.silence_seconds

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.run_once()
            except DatabaseUnavailable as exc:
                log.warning("reconciler.waiting", error=str(exc))
            await wait_any(stop, timeout=self._silence / 5)

    async def run_once(self) -> list[int]:
        """The ids of the jobs that were made."""
        async with self._database.transaction() as connection:
            silent = await connection.fetch_all(
                """
                SELECT id, request_id, stopped_consumers,
                    requested_at < now() - make_interval(secs => :patience) AS overdue
                FROM uploads
                -- Without a time it was requested by the code of an earlier release.
                WHERE request_id IS NOT NULL
                    AND (requested_at IS NULL OR requested_at < now() - make_interval(secs => :silence))
                    AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = uploads.request_id)
                ORDER BY requested_at LIMIT :limit
                """,
                {"silence": self._silence, "patience": _PATIENCE * self._silence, "limit": _BATCH},
            )
        made = [await self._make_counted(row) for row in silent]
        return [job for job in made if job is not None]

    async def _make_counted(self, row: Record) -> int | None:
        """Count the try before it, and take the count back after it. The remaining count is that of dead consumers."""
        upload, request = row["id"], row["request_id"]
        if row["stopped_consumers"] >= _MAX_CRASHES:
            log.error("request.given_up", upload=upload, request=str(request), crashes=row["stopped_consumers"])
            made = await self._maker.give_up(
                upload, request, f"the consumer stopped over it, {row['stopped_consumers']} times"
            )
            await self._count(upload, -row["stopped_consumers"])
            return made
        await self._count(upload, 1)
        made = await self._make(upload, request, overdue=bool(row["overdue"]))
        await self._count(upload, -1)
        return made

    async def _count(self, upload: int, change: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE uploads SET stopped_consumers = greatest(0, stopped_consumers + CAST(:change AS integer))"
                " WHERE id = :id",
                {"id": upload, "change": change},
            )

    async def _make(self, upload: int, request: UUID, *, overdue: bool) -> int | None:
        context = {"upload": upload, "request": str(request)}
        try:
            job = await self._maker.make(str(upload).encode(), str(request))
        except DatabaseUnavailable:
            raise
        except TransientError as exc:
            log.warning("request.waiting", **context, error=str(exc))
            return None
        except Unusable as exc:
            log.warning("request.rejected", **context, reason=str(exc))
            return None
        except Exception as exc:
            log.exception("request.crashed", **context)
            if not overdue:
                return None
            return await self._maker.give_up(upload, request, f"an error of ours ({type(exc).__name__})")
        log.warning("request.was_silent", **context, job=job)
        return job
