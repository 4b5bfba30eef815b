"""Processes a claimed job: runs its program at the engine, and completes it or hands it back."""

import time
from collections.abc import Callable

from job_runner.emails.branding import Branding
from job_runner.engine.pause import Pause
from job_runner.leases.claim import ClaimedJob, LeaseLost
from job_runner.runs.charges import Charges
from job_runner.runs.completion import Completion
from job_runner.runs.program_runs import ProgramRuns
from job_runner.runs.retries import Retries
from job_runner.verdict.outcome import Outcome
from shared.database.connection import Database
from shared.engine.client.base import EngineClient
from shared.service.errors import DatabaseUnavailable, EngineAway, EngineUnavailable, PermanentError
from shared.service.logging import get_logger
from shared.service.retry import RetryPolicy
from shared.storage.base import ObjectStore

log = get_logger(__name__)


class Processor:
    """Processes jobs. `process` may run for many at once. `key_cpu_seconds` is the hourly budget of each key."""

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
        self._max_attempts = max_attempts
        #: While it lasts, the runner claims nothing.
        self.pause = pause or Pause()
        self.charges = Charges(database, key_cpu_seconds)
        policy = policy or RetryPolicy()
        self._programs = ProgramRuns(database, store, engine, self.pause)
        self._retries = Retries(database, self.pause, max_attempts, policy)
        self._completion = Completion(database, store, branding, policy)

    async def process(self, job: ClaimedJob, answered: Callable[[], None] = lambda: None) -> None:
        """Run a job and write its outcome, or hand it back for another attempt. Raises only `DatabaseUnavailable`.

        `answered` is called when the engine has answered, before the outcome is stored.
        """
        started = time.monotonic()
        try:
            outcome = await self._run(job)
            seconds = time.monotonic() - started
            answered()
            is_stored = await self._completion.complete(job, outcome)
        except LeaseLost:
            log.warning("job.lease_lost")
            return
        except DatabaseUnavailable:
            raise
        except Exception as exc:
            if isinstance(exc, EngineUnavailable) and not isinstance(exc, EngineAway):
                await self.charges.add(job.owner, time.monotonic() - started)
            if outcome_of_error := await self._retries.after(job, exc):
                answered()
                await self._completion.complete(job, outcome_of_error)
            return
        if is_stored and outcome.answer is not None:
            # CPU time is more than the elapsed time if the program or its judge used several processors.
            judge_s = outcome.details.judge_cpu_s if outcome.details else 0.0
            await self.charges.add(job.owner, max(seconds, (outcome.answer.time_s or 0.0) + judge_s))

    async def _run(self, job: ClaimedJob) -> Outcome:
        if job.stop_reason is not None:
            raise PermanentError(job.stop_reason)
        if job.attempt > self._max_attempts:
            # The limit was lowered since the last attempt. Otherwise the job was given up at the limit.
            raise PermanentError(f"it was started {job.attempt - 1} times and never finished")
        return await self._programs.run(job)
