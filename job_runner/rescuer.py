"""Returns the jobs of runners that died: their leases expire, and somebody must notice."""

import asyncio

from job_runner import claim
from shared import metrics
from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.lifecycle import wait_any
from shared.logging import get_logger

log = get_logger(__name__)


class Rescuer:
    """Every runner has one; they do not get in each other's way."""

    def __init__(self, database: Database, *, interval: float) -> None:
        self._database = database
        self._interval = interval

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.run_once()
            except DatabaseUnavailable as exc:
                log.warning("rescuer.waiting", error=str(exc), next_try_s=self._interval)
            await wait_any(stop, timeout=self._interval)

    async def run_once(self) -> list[int]:
        """The ids of the jobs that were returned."""
        async with self._database.transaction() as connection:
            rescued = await claim.rescue(connection)
        metrics.JOBS_RESCUED.inc(len(rescued))
        if rescued:
            log.warning("jobs.rescued", jobs=rescued)
        return rescued
