"""Processes a claimed job: runs it at the engine, stores its output and outcome, or hands it back."""

import asyncio
import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic_core import from_json

from job_runner.emails.branding import Branding
from job_runner.emails.render import render
from job_runner.engine.codex_client import Engine
from job_runner.engine.pause import LONGEST_PAUSE, Pause
from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob, LeaseLost
from job_runner.runs.finish import Ending, finish
from job_runner.runs.program_runs import ProgramRuns
from job_runner.verdict.outcome import SEND_ANOTHER, Outcome, give_up
from shared.accounts import budgets
from shared.accounts.budgets import Use, run_seconds
from shared.database.connection import Database
from shared.database.group_commit import GroupCommit
from shared.database.strip_nul import storable
from shared.engine.artifacts import StoredArtifact, media_type_of
from shared.service import metrics
from shared.service.errors import (
    DatabaseConflict,
    DatabaseUnavailable,
    EngineAway,
    EngineCrashed,
    EngineRefused,
    EngineUnavailable,
    PermanentError,
    PrecieuxError,
    StoreUnavailable,
    TransientError,
)
from shared.service.logging import get_logger
from shared.service.retry import RetryPolicy
from shared.storage.base import ObjectStore
from shared.storage.output_keys import LINK_LIFETIME, artifact_key, output_key

log = get_logger(__name__)

#: The longest output that only the row of its result holds. The API reads as much in one piece.
_IN_ROW_BYTES: Final = 64 << 10


class Processor:
    """Processes jobs. `process` may run for many at once.

    `load_seconds` is the delay before another run if load caused the time limit. `key_cpu_seconds` is the hourly budget
    of each key.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        engine: Engine,
        branding: Branding,
        max_attempts: int,
        *,
        load_seconds: float = 10.0,
        key_cpu_seconds: int = 36_000,
        policy: RetryPolicy | None = None,
        pause: Pause | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._engine = engine
        self._branding = branding
        self._max_attempts = max_attempts
        self._policy = policy or RetryPolicy()
        self._rng = random.Random()  # noqa: S311  (jitter)
        self._reading = asyncio.Lock()
        #: While it lasts, the runner claims nothing.
        self.pause = pause or Pause()
        self._programs = ProgramRuns(database, store, engine, self.pause, load_seconds=load_seconds)
        self._key_cpu_seconds = key_cpu_seconds
        self._endings = GroupCommit(self._finish)
        self._charges = GroupCommit(self._charge_all)

    async def process(self, job: ClaimedJob, answered: Callable[[], None] = lambda: None) -> None:
        """Run a job and write its outcome, or hand it back for another attempt. Raises only `DatabaseUnavailable`.

        `answered` is called when the engine has answered, before the outcome is stored.
        """
        started = time.monotonic()
        try:
            outcome = await self._run(job)
        except LeaseLost:
            log.warning("job.lease_lost")
            return
        except EngineRefused as exc:
            outcome = give_up(str(exc), is_ours=False, next_step=SEND_ANOTHER)
        except PermanentError as exc:
            outcome = give_up(str(exc))
        except DatabaseUnavailable:
            raise
        except EngineCrashed as exc:
            await self._hand_back_interrupted(job, exc)
            await self.charge(job, time.monotonic() - started)
            return
        except TransientError as exc:
            if isinstance(exc, EngineAway) or not isinstance(exc, EngineUnavailable):
                await self._wait(job, exc)
                return
            await self.charge(job, time.monotonic() - started)
            if not (last := await self._try_again(job, exc)):
                return
            outcome = last
        except Exception as exc:
            if not (last := await self._try_after_defect(job, exc)):
                return
            outcome = last
        elapsed = time.monotonic() - started
        answered()
        try:
            is_stored = await self._keep_until_stored(job, outcome)
        except Exception as exc:
            if last := await self._try_after_defect(job, exc):
                await self._keep_until_stored(job, last)
            return
        if is_stored and outcome.answer is not None:
            # CPU time is more than the elapsed time if the program used several processors.
            await self.charge(job, max(elapsed, outcome.answer.time_s or 0.0))

    async def _run(self, job: ClaimedJob) -> Outcome:
        if job.stop_reason is not None:
            return give_up(job.stop_reason)
        if job.attempt > self._max_attempts:
            # The limit was lowered since the last attempt. Otherwise `_try_again` has given up at the limit.
            return give_up(f"it was started {job.attempt - 1} times and never finished")
        submission = await self._submission(job)
        return await (self._programs.run if job.has_program else self._programs.run_classic)(job, submission)

    async def _submission(self, job: ClaimedJob) -> Any:
        if job.job is not None:
            return from_json(job.job)
        # One at a time, because a long submission takes several times its length in memory while it is read and parsed.
        async with self._reading, self._database.connection() as connection:
            return from_json(await claim.submission_of(connection, job.id))

    async def _keep_until_stored(self, job: ClaimedJob, outcome: Outcome) -> bool:
        """Write the outcome of a job, as soon as the store and the database take it: it is not computed again.

        Return False, and write nothing, if its lease is lost.
        """
        failures, is_certain = 0, True
        while True:
            try:
                return await self._complete(job, outcome, is_certain=is_certain)
            except (StoreUnavailable, DatabaseUnavailable) as exc:
                failures += 1
                delay = self._policy.capped(LONGEST_PAUSE).delay(failures, self._rng, at_least=exc.retry_after)
                # A commit whose answer was lost may have been made.
                is_certain = is_certain and isinstance(exc, StoreUnavailable | DatabaseConflict)
                log.warning("outcome.waiting", error=str(exc), next_try_s=round(delay, 1))
            if not await self._is_ours(job):
                log.warning("job.lease_lost")
                return False
            await asyncio.sleep(delay)

    async def _is_ours(self, job: ClaimedJob) -> bool:
        try:
            async with self._database.connection() as connection:
                return await claim.is_held(connection, job.lease_id)
        except DatabaseUnavailable:
            return True  # nobody else can have it as long as nobody can claim

    async def _complete(self, job: ClaimedJob, outcome: Outcome, *, is_certain: bool) -> bool:
        """Write the outcome of a job. Return False, and write nothing, if its lease is lost.

        If it is not certain that an earlier call wrote nothing, what is stored stays: the result may name it.
        """
        # Stored before the outcome, so a crash in between leaves an orphan, but never a result without its output.
        key = link = None
        if _needs_object(job, outcome):
            key = output_key(job.id, job.attempt, job.lease_id)
            await self._store.put(key, outcome.output, content_type="text/plain; charset=utf-8")
            link = await self._store.link(key, expires_in=LINK_LIFETIME)
        artifacts = await self._store_artifacts(job, outcome)
        if outcome.details is not None:  # the files are stored, and the database may be slow
            outcome = replace(outcome, details=replace(outcome.details, artifacts=None))
        shown_link = link if outcome.answer and outcome.answer.output else None
        # Without a recipient, nothing is mailed.
        email = None
        if job.recipient:
            email = render(job, outcome, self._branding, filelink=shown_link, output_key=key, artifacts=artifacts or ())
        ending = Ending(job, outcome, email, output_key=key, filelink=link, artifacts=artifacts)
        is_written = await self._endings.write(ending)
        if is_written:
            metrics.JOBS_FINISHED.labels(outcome.state, outcome.verdict or "none").inc()
        event = "job.finished" if is_written else "job.lease_lost"
        write_record = log.info if outcome.reason is None else log.warning
        write_record(event, state=outcome.state, verdict=outcome.verdict, reason=outcome.reason)
        if not is_written and is_certain:
            for stored in (*([key] if key else []), *(artifact.key for artifact in artifacts or ())):
                await self._store.delete(stored)
        return is_written

    async def _store_artifacts(self, job: ClaimedJob, outcome: Outcome) -> tuple[StoredArtifact, ...] | None:
        """Put the artifacts in the object store, and return what their result keeps of them; None if there can be none.

        They are stored as unknown bytes: only the API serves them, with header fields that make them harmless.
        """
        details = outcome.details
        if details is None or details.artifacts is None:
            return None
        stored = []
        for number, artifact in enumerate(details.artifacts, 1):
            content = artifact.content
            key = artifact_key(job.id, job.attempt, job.lease_id, number)
            await self._store.put(key, content)
            digest = hashlib.sha256(content).hexdigest()
            media_type = media_type_of(artifact.name, content)
            stored.append(StoredArtifact(artifact.name, len(content), media_type, digest, key))
        return tuple(stored)

    async def charge(self, job: ClaimedJob, seconds: float) -> None:
        """Charge the key of a job for the time for which its program held a slot.

        A program that sleeps, compiles, is cancelled or makes its engine fail holds a slot as well.
        """
        if job.owner == 0:
            return
        try:
            await self._charges.write((job.owner, seconds))
        except TransientError as exc:
            # A lost charge is acceptable, because the outcome is written.
            log.warning("job.not_charged", error=str(exc))

    async def _charge_all(self, charges: Sequence[tuple[int, float]]) -> list[None]:
        seconds: dict[int, float] = defaultdict(float)
        for owner, used in charges:
            seconds[owner] += used
        uses = [Use(run_seconds(owner), self._key_cpu_seconds, used) for owner, used in seconds.items()]
        async with self._database.connection() as connection:
            await budgets.charge(connection, uses)
        return [None] * len(charges)

    async def _finish(self, endings: Sequence[Ending]) -> list[bool]:
        try:
            async with self._database.connection() as connection:
                return await finish(connection, endings)
        except DatabaseConflict as exc:
            # Nothing was written. The program has run, and must not run again because of that.
            log.warning("outcome.writing_again", error=str(exc))
            async with self._database.connection() as connection:
                return await finish(connection, endings)

    async def _hand_back_interrupted(self, job: ClaimedJob, error: EngineCrashed) -> None:
        """Hand back a job whose engine stopped. The job may be the cause, or may only have run at the same time."""
        metrics.JOBS_INTERRUPTED.inc()
        async with self._database.connection() as connection:
            interruption = await poison_jobs.interrupt(connection, job.lease_id)
        if interruption is not None:
            log.warning("job.interrupted", error=str(error), crashes=interruption.crashes)

    async def _try_after_defect(self, job: ClaimedJob, error: Exception) -> Outcome | None:
        """Do what `_try_again` does. A defect of ours must not lose the job, and the log has the traceback."""
        log.error("job.crashed", exc_info=error)
        return await self._try_again(job, PrecieuxError(f"an internal error ({type(error).__name__})"))

    async def _try_again(self, job: ClaimedJob, error: PrecieuxError) -> Outcome | None:
        """Hand a job back, and charge the attempt. Return the outcome instead if that was the last."""
        if job.attempt >= self._max_attempts:
            return give_up(f"{error} (tried {job.attempt} times)")
        retry_after = error.retry_after if isinstance(error, TransientError) else None
        delay = self._policy.delay(job.attempt, self._rng, at_least=retry_after)
        await self._hand_back(job, error, delay, is_charged=True)
        return None

    async def _wait(self, job: ClaimedJob, error: TransientError) -> None:
        """Hand back a job until the engine or the store is there again. That is no attempt."""
        self.pause.begin(error)
        delay = self._policy.delay(1, self._rng, at_least=error.retry_after)
        await self._hand_back(job, error, delay, is_charged=False)

    async def _hand_back(self, job: ClaimedJob, error: PrecieuxError, delay: float, *, is_charged: bool) -> None:
        metrics.JOBS_RETRIED.inc()
        async with self._database.connection() as connection:
            await claim.retry_later(
                connection, job.lease_id, delay=delay, reason=storable(str(error)), is_charged=is_charged
            )
        log.warning("job.retrying", error=str(error), next_try_s=round(delay, 1))


def _needs_object(job: ClaimedJob, outcome: Outcome) -> bool:
    """True if the output must be in the object store: its mail links to it, or its row cannot hold these bytes."""
    if outcome.answer is None or outcome.tests is not None:
        return False
    output = outcome.output
    return bool(job.recipient) or len(output) > _IN_ROW_BYTES or storable(outcome.answer.output).encode() != output
