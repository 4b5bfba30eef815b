"""Returns the jobs of runners that died: their leases expire, and somebody must notice."""

import asyncio
import time

from job_runner import suspects
from job_runner.settings import MAX_CRASHES
from job_runner.suspects import MAX_INTERRUPTIONS
from shared import metrics
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable
from shared.lifecycle import wait_any
from shared.logging import get_logger

log = get_logger(__name__)


class Rescuer:
    """Hands back expired jobs. Every runner has one, and they do not conflict. `interval` is a third of the lease."""

    def __init__(
        self,
        database: Database,
        *,
        interval: float,
        max_crashes: int = MAX_CRASHES,
        max_interruptions: int = MAX_INTERRUPTIONS,
    ) -> None:
        self._database = database
        self._interval = interval
        self._max_crashes = max_crashes
        self._max_interruptions = max_interruptions

    async def run(self, stop: asyncio.Event) -> None:
        # While the database was unavailable, live runners could not extend their leases either. Give them time for it.
        lease_seconds = 3 * self._interval
        first = time.monotonic() + lease_seconds
        while not stop.is_set():
            try:
                if time.monotonic() >= first:
                    await self.run_once()
                else:
                    await self._look()
            except DatabaseUnavailable as exc:
                first = time.monotonic() + lease_seconds
                log.warning("rescuer.waiting", error=str(exc), next_try_s=self._interval)
            await wait_any(stop, timeout=self._interval)

    async def run_once(self) -> list[int]:
        """The ids of the jobs that were returned."""
        async with self._database.transaction() as connection:
            rescued = await suspects.rescue(
                connection, max_crashes=self._max_crashes, max_interruptions=self._max_interruptions
            )
        metrics.JOBS_RESCUED.inc(len(rescued))
        if rescued:
            log.warning("jobs.rescued", jobs=[one.job for one in rescued])
        for one in rescued:
            suspects.tell(one)
        return [one.job for one in rescued]

    async def _look(self) -> None:
        async with self._database.connection() as connection:
            await connection.execute("SELECT 1")
