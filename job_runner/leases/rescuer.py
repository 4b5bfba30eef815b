"""Hands back the jobs of runners that died, after their leases have expired."""

import asyncio
import time

from job_runner.leases import poison_jobs
from shared.adapters.database.connection import Database
from shared.common.service import metrics
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger

log = get_logger(__name__)


class Rescuer:
    """Hands back expired jobs. Every runner has one, and they do not conflict. `interval` is a third of the lease."""

    def __init__(self, database: Database, *, interval: float) -> None:
        self._database = database
        self._interval = interval

    async def run(self, stop: asyncio.Event) -> None:
        # While the database is unavailable, live runners cannot extend their leases. So wait for one lease afterwards.
        lease_seconds = 3 * self._interval
        not_before = time.monotonic() + lease_seconds
        while not stop.is_set():
            try:
                if time.monotonic() >= not_before:
                    await self.run_once()
                else:
                    await self._database.ping()
            except DatabaseUnavailable as exc:
                not_before = time.monotonic() + lease_seconds
                log.warning("rescuer.waiting", error=str(exc), next_try_s=self._interval)
            await wait_any(stop, timeout=self._interval)

    async def run_once(self) -> list[int]:
        """Hand back the expired jobs, and return their ids."""
        rescued = await self._database.transact(poison_jobs.rescue)
        metrics.JOBS_RESCUED.inc(len(rescued))
        if rescued:
            log.warning("jobs.rescued", jobs=rescued)
        return rescued
