"""Processes a claimed job: runs its program at the engine, and completes it or hands it back."""

from collections.abc import Callable

from job_runner.emails.texts.branding import Branding
from job_runner.engine.charges import Charges
from job_runner.engine.pause import Pause
from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob, LeaseLost
from job_runner.runs.completion import Completion
from job_runner.runs.program_runs import ProgramRuns
from job_runner.verdict.outcome import Outcome, costs_an_attempt, outcome_after
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import EngineClient
from shared.adapters.storage.base import ObjectStore
from shared.common.service import metrics
from shared.common.service.errors import (
    DatabaseUnavailable,
    EngineAway,
    EngineCrashed,
    EngineStopped,
    EngineUnavailable,
    PermanentError,
    PrecieuxError,
    TransientError,
)
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)


class Processor:
    """Processes jobs. `process` may run for many at once.

    Every job has up to `max_attempts`. `key_cpu_seconds` is the hourly budget of each key. If the engine or the store
    cannot be reached, `pause` begins.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        engine: EngineClient,
        branding: Branding,
        max_attempts: int,
        *,
        key_cpu_seconds: int = 36_000,
        policy: RetryPolicy | None = None,
        pause: Pause | None = None,
    ) -> None:
        self._database = database
        self._max_attempts = max_attempts
        self._policy = policy or RetryPolicy()
        #: While it lasts, the runner claims nothing.
        self.pause = pause or Pause()
        self.charges = Charges(database, key_cpu_seconds)
        self._programs = ProgramRuns(database, store, engine, self.pause)
        self._completion = Completion(database, store, branding, self._policy, self.pause)

    async def process(self, job: ClaimedJob, answered: Callable[[], None] = lambda: None) -> None:
        """Run a job and write its outcome, or hand it back for another attempt. Raises only `DatabaseUnavailable`.

        `answered` is called when the engine has answered, before the outcome is stored.
        """
        try:
            outcome = await self._run(job)
            seconds = job.run_time.seconds
            answered()
            is_stored = await self._completion.complete(job, outcome)
        except LeaseLost:
            log.warning("job.lease_lost")
            return
        except DatabaseUnavailable:
            raise
        except Exception as exc:
            if isinstance(exc, EngineUnavailable) and not isinstance(exc, EngineAway):
                await self.charges.add(job.owner, job.run_time.seconds)
            if outcome_of_error := await self._hand_back(job, exc):
                answered()
                await self._completion.complete(job, outcome_of_error)
            return
        if is_stored and outcome.answer is not None:
            await self.charges.add(job.owner, max(seconds, outcome.answer.time_s or 0.0))

    async def _run(self, job: ClaimedJob) -> Outcome:
        if job.stop_reason is not None:
            raise PermanentError(job.stop_reason)
        if job.attempt > self._max_attempts:
            # The limit was lowered since the last attempt. Otherwise the job was given up at the limit.
            raise PermanentError(f"it was started {job.attempt - 1} times and never finished")
        return await self._programs.run(job)

    async def _hand_back(self, job: ClaimedJob, error: Exception) -> Outcome | None:
        """Hand a job back after an error, and return None; return the outcome if it is not tried again."""
        if not isinstance(error, PrecieuxError):
            log.error("job.crashed", exc_info=error)
            error = PrecieuxError(f"an internal error ({type(error).__name__})")
        if outcome := outcome_after(error, job.attempt, self._max_attempts):
            return outcome
        async with self._database.connection() as connection:
            if isinstance(error, EngineCrashed):
                await poison_jobs.interrupt(connection, job.lease_id, str(error))
                return None
            is_charged = costs_an_attempt(error)
            retry_after = error.retry_after if isinstance(error, TransientError) else None
            delay = self._policy.delay(job.attempt if is_charged else 1, at_least=retry_after)
            if isinstance(error, TransientError) and not is_charged and not isinstance(error, EngineStopped):
                self.pause.begin(error)
            await claim.retry_later(connection, job.lease_id, delay=delay, reason=str(error), is_charged=is_charged)
        metrics.JOBS_RETRIED.inc()
        log.warning("job.retrying", error=str(error), next_try_s=round(delay, 1))
        return None
