"""Claims jobs while there are free slots, and keeps their leases alive.

A slot is one run at the engine; while an outcome is being stored, the next job has its slot already. While all slots
are taken, the same number of jobs may run in addition, each of a key that has none under way here. So long programs
hold up only their own key (docs/adr/0098). The runner wakes on a NOTIFY, on the poll interval, when a job becomes due,
when a slot becomes free, and on stop. A lost notification costs at most the interval.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog

from job_runner import claim, suspects
from job_runner.claim import ClaimedJob
from job_runner.process import Processor
from job_runner.settings import RunnerSettings
from shared import metrics
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable
from shared.lifecycle import restarting, wait_any
from shared.logging import get_logger

log = get_logger(__name__)


#: The first job is claimed at once; those that follow it closely, or wait for a slot, are claimed together.
_PACE_SECONDS: Final = 0.005
#: The least time between two express claims.
_EXPRESS_SECONDS: Final = 0.05
#: The least time between two claims of a suspect.
_SUSPECTS_SECONDS: Final = 0.2


class Runner:
    def __init__(self, database: Database, processor: Processor, settings: RunnerSettings) -> None:
        self._database = database
        self._processor = processor
        self._settings = settings
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        #: Whose they are.
        self._owners: dict[UUID, int] = {}
        #: Those of them that the engine is done with.
        self._answered: set[UUID] = set()
        #: Jobs that are handed back as soon as the database answers.
        self._abandoned: set[UUID] = set()
        self._slot_free = asyncio.Event()
        self._look_for_suspects_at = 0.0
        self._look_for_express_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and run until `stop`; then drain what is under way, and hand back what does not end in time."""
        # The two are separate, so running jobs keep their leases even if claiming fails.
        beating = asyncio.create_task(restarting("leases", self._keep_leases)(asyncio.Event()))
        try:
            await restarting("runner", self._claim_until)(stop)
            await self._drain()
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _claim_until(self, stop: asyncio.Event) -> None:
        async with self._database.listen("precieux_jobs") as notified:
            while not stop.is_set():
                notified.clear()
                self._slot_free.clear()
                timeout = await self._claim_due()
                await asyncio.sleep(_PACE_SECONDS)
                await wait_any(stop, notified, self._slot_free, timeout=timeout)

    async def _claim_due(self) -> float:
        """Start as many due jobs as there are free slots; returns how long to wait at most for the next look."""
        free = self._free_slots()
        lease_seconds, max_crashes = self._settings.lease_seconds, self._settings.max_crashes
        try:
            if free <= 0:
                return await self._claim_express()
            async with self._database.connection() as connection:
                if time.monotonic() >= self._look_for_suspects_at:
                    self._look_for_suspects_at = time.monotonic() + _SUSPECTS_SECONDS
                    one = await suspects.claim_one(self._database, lease_seconds=lease_seconds, max_crashes=max_crashes)
                    self._start(one)
                    free -= len(one)
                jobs = await claim.claim(connection, limit=free, lease_seconds=lease_seconds, max_crashes=max_crashes)
                self._start(jobs)
                next_due = await claim.seconds_until_due(connection) if len(jobs) < free else None
        except DatabaseUnavailable as exc:
            log.warning("runner.waiting", error=str(exc), next_try_s=1)
            return 1.0
        metrics.SLOTS_BUSY.set(len(self._under_way) - len(self._answered))
        if next_due is None:
            return self._settings.poll_interval
        # Another runner may hold the rows that look due: no busy loop then.
        return min(self._settings.poll_interval, max(next_due, 0.05))

    async def _claim_express(self) -> float:
        """Start a job beyond the slots, if allowed; return the longest wait until the next claim."""
        if self._free_express_slots() <= 0:
            return self._settings.poll_interval
        wait = self._look_for_express_at - time.monotonic()
        if wait > 0:
            return wait
        self._look_for_express_at = time.monotonic() + _EXPRESS_SECONDS
        async with self._database.connection() as connection:
            self._start(
                await claim.claim_express(
                    connection,
                    busy={owner for lease_id, owner in self._owners.items() if lease_id not in self._answered},
                    lease_seconds=self._settings.lease_seconds,
                    max_crashes=self._settings.max_crashes,
                )
            )
        metrics.SLOTS_BUSY.set(len(self._under_way) - len(self._answered))
        return self._settings.poll_interval

    def _start(self, jobs: Iterable[ClaimedJob]) -> None:
        """Start the jobs right after their claim, so that an error in between cannot lose one."""
        for job in jobs:
            metrics.JOBS_CLAIMED.inc()
            metrics.JOB_WAIT_SECONDS.observe(job.waited_s)
            self._owners[job.lease_id] = job.owner
            self._under_way[job.lease_id] = asyncio.create_task(self._run_one(job))

    def _free_slots(self) -> int:
        """Where outcomes cannot be stored as fast as they come, no more of them are held than there are slots."""
        slots, held = self._settings.runner_concurrency, len(self._answered)
        return min(slots - (len(self._under_way) - held), 2 * slots - len(self._under_way))

    def _free_express_slots(self) -> int:
        """Return the number of free express slots, of as many as slots. None is free while outcomes pile up."""
        slots, held = self._settings.runner_concurrency, len(self._answered)
        return 2 * slots - (len(self._under_way) - held) if held <= slots else 0

    async def _run_one(self, job: ClaimedJob) -> None:
        # A task of its own, so every record from here on tells the job that it is about. The request is what the
        # other services' records tell.
        structlog.contextvars.bind_contextvars(
            request=str(job.request_id), job=job.id, upload=job.upload, attempt=job.attempt
        )
        log.debug("job.claimed")
        try:
            with metrics.JOB_RUN_SECONDS.time():
                await self._processor.process(job, lambda: self._free_slot_of(job))
        except DatabaseUnavailable as exc:
            # The connection lost the result, but the job is not lost: it is handed back, or its lease expires.
            self._abandoned.add(job.lease_id)
            log.warning("job.abandoned", error=str(exc))
        except asyncio.CancelledError:
            await self._release(job)
        except Exception:
            # Even its end could not be written: the lease expires, and attempts are counted.
            log.exception("job.crashed")
        finally:
            del self._under_way[job.lease_id], self._owners[job.lease_id]
            self._answered.discard(job.lease_id)
            metrics.SLOTS_BUSY.set(len(self._under_way) - len(self._answered))
            self._slot_free.set()

    def _free_slot_of(self, job: ClaimedJob) -> None:
        self._answered.add(job.lease_id)
        metrics.SLOTS_BUSY.set(len(self._under_way) - len(self._answered))
        self._slot_free.set()

    async def _release(self, job: ClaimedJob) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            async with self._database.transaction() as connection:
                await claim.release(connection, job.lease_id)
            log.info("job.released")

    async def _keep_leases(self, _: asyncio.Event) -> None:
        """Extend the leases three times a term; a job whose lease is lost is stopped, for somebody else runs it."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            held = dict(self._under_way)
            if not held and not self._abandoned:
                continue
            try:
                async with self._database.connection() as connection:
                    for lease_id in tuple(self._abandoned):
                        await claim.release(connection, lease_id)
                        self._abandoned.discard(lease_id)
                    ours = await claim.heartbeat(connection, list(held), lease_seconds=self._settings.lease_seconds)
            except DatabaseUnavailable as exc:
                log.warning("runner.heartbeat_failed", error=str(exc))
                continue
            for lease_id, task in held.items():
                if lease_id not in ours and not task.done():
                    task.cancel()

    async def _drain(self) -> None:
        if not self._under_way:
            return
        log.info("runner.draining", jobs=len(self._under_way), seconds=self._settings.drain_seconds)
        _, late = await asyncio.wait(self._under_way.values(), timeout=self._settings.drain_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
