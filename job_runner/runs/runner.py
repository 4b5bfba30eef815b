"""Claims jobs while there are free slots, and keeps their leases alive.

A slot is one run at the engine. It is free again when the engine has answered, before the outcome is stored, or when
the run is long and gives way there. While all slots are taken, the same number of jobs may run in addition, each of a
key that has none under way here, so long programs delay only their own key (docs/adr/0007).

The runner wakes on a NOTIFY, on the poll interval, when a job becomes due, when a slot for which a job waits becomes
free, and on stop. A lost notification costs at most the interval. Of several runners with free slots, one answers the
notifications (`leases.lag`).
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob
from job_runner.leases.lag import Lag
from job_runner.runs.process import Processor
from job_runner.settings import RunnerSettings
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service import metrics
from shared.common.service.background import in_background, wait_any
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.lifecycle import restarting
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Seconds to wait after a claim. The first job is claimed at once, and those that follow closely are claimed together.
_PACE_SECONDS: Final = 0.005
#: The shortest time between two claims for reserved slots.
_RESERVED_SECONDS: Final = 0.05
#: Seconds between two looks whether the job that tries the engine has reached it.
_PROBE_SECONDS: Final = 0.25
#: The seconds that jobs under way get when the runner stops. They are handed back if they need more.
_DRAIN_SECONDS: Final = 10.0
#: The most long jobs under way that hold no slot, for each slot.
_LONG_BY_SLOT: Final = 4
#: The cancellations of unknown leases that are remembered. Most of them are other runners'.
_MAX_EARLY: Final = 1000


class Runner:
    """Claims and runs jobs. While engines `are_full`, it claims only for keys that have nothing under way."""

    def __init__(
        self,
        database: Database,
        processor: Processor,
        settings: RunnerSettings,
        are_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._processor = processor
        self._settings = settings
        self._are_full = are_full
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        #: The keys that own the jobs under way.
        self._owners: dict[UUID, int] = {}
        #: Jobs under way that the engine has answered.
        self._answered: set[UUID] = set()
        #: Jobs under way that the engine has not answered, and whose programs give way to others there.
        self._long: set[UUID] = set()
        #: Jobs to hand back as soon as the database answers.
        self._abandoned: set[UUID] = set()
        #: Jobs under way that their senders have cancelled.
        self._cancelled: set[UUID] = set()
        #: Leases that were cancelled while we did not have them, or did not know yet that we do.
        self._cancelled_early: deque[UUID] = deque(maxlen=_MAX_EARLY)
        self._lag = Lag()
        self._leases_due = asyncio.Event()
        self._slot_free = asyncio.Event()
        #: False if the last look at the queue left slots free. Then no job waits for the slot of another.
        self._wants_slots = True
        self._next_reserved_claim = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and run jobs until `stop`. Then wait for those under way, and hand back those that end too late."""
        # A separate task, so running jobs keep their leases even if claiming fails.
        leases = in_background(restarting("leases", self._keep_leases)(asyncio.Event()))
        async with leases, self._database.listen(channels.CANCELLATIONS, self._cancel):
            await restarting("runner", self._claim_until)(stop)
            await self._drain()

    async def _claim_until(self, stop: asyncio.Event) -> None:
        async with self._database.listen(channels.JOBS) as notified:
            notified.clear()
            while not stop.is_set():
                self._slot_free.clear()
                timeout = await self._claim_due()
                await asyncio.sleep(_PACE_SECONDS)
                await self._lag.wait(notified, stop, self._slot_free, timeout=timeout)

    async def _claim_due(self) -> float:
        """Start due jobs in the free slots. Return the longest wait in seconds until the next claim."""
        self._wants_slots = True
        pause = self._processor.pause
        if pause.seconds > 0:
            return pause.seconds
        # What an engine has refused takes each slot that becomes free there.
        free = 0 if self._are_full() else pause.limit(self._free_slots(), self._busy_slots())
        next_due = math.inf
        try:
            if free <= 0:
                wait = await self._claim_for_reserved_slot() if pause.is_over else _PROBE_SECONDS
                return min(wait, _PROBE_SECONDS) if self._are_full() else wait
            async with self._database.connection() as connection:
                jobs = await claim.claim(connection, limit=free, lease_seconds=self._settings.lease_seconds)
                self._start(jobs)
                self._lag.note(len(jobs))
                self._wants_slots = len(jobs) == free
                if len(jobs) < free:
                    next_due, is_interrupted = await claim.next_due(connection)
                    if is_interrupted and not self._under_way:
                        lease_seconds = self._settings.lease_seconds
                        self._start(await poison_jobs.claim_alone(self._database, lease_seconds=lease_seconds))
        except DatabaseUnavailable as exc:
            log.warning("runner.waiting", error=str(exc), next_try_s=1)
            return 1.0
        metrics.SLOTS_BUSY.set(self._busy_slots())
        if not pause.is_over and self._busy_slots():
            return _PROBE_SECONDS
        # Another runner may hold the rows that are due, so a minimum wait avoids a busy loop.
        return min(self._settings.poll_interval, max(next_due, 0.05))

    async def _claim_for_reserved_slot(self) -> float:
        """Start a job in a reserved slot if there is one. Return the longest wait in seconds until the next claim."""
        if self._free_reserved_slots() <= 0:
            return self._settings.poll_interval
        wait = self._next_reserved_claim - time.monotonic()
        if wait > 0:
            return wait
        self._next_reserved_claim = time.monotonic() + _RESERVED_SECONDS
        async with self._database.connection() as connection:
            jobs = await claim.claim_for_reserved_slot(
                connection,
                busy={owner for lease_id, owner in self._owners.items() if lease_id not in self._answered},
                lease_seconds=self._settings.lease_seconds,
            )
            self._start(jobs)
            # Jobs of further keys may wait. If there are none, the next retry is the next chance.
            wait = 0.0 if jobs else await claim.seconds_until_retry(connection)
        metrics.SLOTS_BUSY.set(self._busy_slots())
        return min(self._settings.poll_interval, max(wait, _RESERVED_SECONDS))

    def _start(self, jobs: Iterable[ClaimedJob]) -> None:
        """Start claimed jobs. Called right after the claim, so that no error in between can lose one."""
        for job in jobs:
            metrics.JOBS_CLAIMED.inc()
            metrics.JOB_WAIT_SECONDS.observe(job.waited_s)
            if job.lease_id in self._cancelled_early:
                continue
            self._owners[job.lease_id] = job.owner
            job.run_time.when_long = partial(self._gives_way, job.lease_id)
            task = self._under_way[job.lease_id] = asyncio.create_task(self._run_one(job))
            # A task that is cancelled before it has begun runs none of its own code.
            task.add_done_callback(partial(self._forget, job.lease_id))

    def _cancel(self, payload: str) -> None:
        """Stop the job that a notification names by its lease. After a new connection, check all leases."""
        if not payload:
            self._leases_due.set()
            return
        try:
            lease_id = UUID(payload)
        except ValueError:
            return
        if lease_id not in self._under_way:
            self._cancelled_early.append(lease_id)
        elif lease_id not in self._answered:
            self._cancelled.add(lease_id)
            self._under_way[lease_id].cancel()
        # What the engine has answered already is not stored, because the lease is lost.

    def _busy_slots(self) -> int:
        """Return the number of jobs that the engine has not answered yet, without long ones."""
        return len(self._under_way) - len(self._answered) - min(len(self._long), self._max_long())

    def _max_long(self) -> int:
        """Return how many long jobs hold no slot."""
        return _LONG_BY_SLOT * self._settings.runner_concurrency

    def _free_slots(self) -> int:
        """Return the number of free slots. At most as many outcomes wait to be stored as there are slots."""
        slots = self._settings.runner_concurrency
        busy = self._busy_slots()
        return min(slots - busy, 2 * slots - busy - len(self._answered))

    def _free_reserved_slots(self) -> int:
        """Return the number of free reserved slots: as many as slots, and none if outcomes pile up."""
        slots = self._settings.runner_concurrency
        return 2 * slots - self._busy_slots() if len(self._answered) <= slots else 0

    async def _run_one(self, job: ClaimedJob) -> None:
        # Each job has its own task, so all log records from here on name the job. Those of other services name the
        # request.
        structlog.contextvars.bind_contextvars(
            request=str(job.request_id), job=job.id, upload=job.upload, attempt=job.attempt
        )
        log.debug("job.claimed")
        try:
            with metrics.JOB_RUN_SECONDS.time():
                await self._processor.process(job, lambda: self._free_slot_of(job))
        except DatabaseUnavailable as exc:
            # The result could not be stored. The job is handed back, or its lease expires.
            self._abandoned.add(job.lease_id)
            log.warning("job.abandoned", error=str(exc))
        except asyncio.CancelledError:
            if job.lease_id in self._cancelled:
                log.info("job.cancelled")
                await self._processor.charges.add(job.owner, job.run_time.seconds)
            else:
                await self._release(job)
        except Exception:
            # Not even the failure could be stored. The lease expires, and the rescuer hands the job back.
            log.exception("job.crashed")

    def _forget(self, lease_id: UUID, _: asyncio.Task[None]) -> None:
        del self._under_way[lease_id], self._owners[lease_id]
        self._answered.discard(lease_id)
        self._long.discard(lease_id)
        self._cancelled.discard(lease_id)
        self._processor.pause.forget(lease_id)
        self._slot_is_free()

    def _gives_way(self, lease_id: UUID) -> None:
        if lease_id in self._under_way:
            self._long.add(lease_id)
            self._slot_is_free()

    def _free_slot_of(self, job: ClaimedJob) -> None:
        self._answered.add(job.lease_id)
        self._long.discard(job.lease_id)
        self._slot_is_free()

    def _slot_is_free(self) -> None:
        metrics.SLOTS_BUSY.set(self._busy_slots())
        # If no job waits, a notification brings the next one.
        if self._wants_slots:
            self._slot_free.set()

    async def _release(self, job: ClaimedJob) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            await self._database.transact(claim.release, job.lease_id)
            log.info("job.released")

    async def _keep_leases(self, _: asyncio.Event) -> None:
        """Extend the leases every third of their time. Stop jobs whose leases are lost: other runners have them."""
        while True:
            await wait_any(self._leases_due, timeout=self._settings.lease_seconds / 3)
            self._leases_due.clear()
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
                # A job that is answered finds out by itself, and removes what it has stored.
                if lease_id not in ours and lease_id not in self._answered and not task.done():
                    task.cancel()

    async def _drain(self) -> None:
        if not self._under_way:
            return
        log.info("runner.draining", jobs=len(self._under_way), seconds=_DRAIN_SECONDS)
        _, late = await asyncio.wait(self._under_way.values(), timeout=_DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
