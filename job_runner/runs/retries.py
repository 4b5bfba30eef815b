"""Hands back a job whose run failed, for another try, unless the error is its outcome."""

from job_runner.engine.pause import Pause
from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import Outcome, costs_an_attempt, outcome_after
from shared.database.connection import Database
from shared.service import metrics
from shared.service.errors import EngineCrashed, PrecieuxError, TransientError
from shared.service.logging import get_logger
from shared.service.retry import RetryPolicy

log = get_logger(__name__)


class Retries:
    """Every job has up to `max_attempts`. If the engine or the store cannot be reached, `pause` begins."""

    def __init__(self, database: Database, pause: Pause, max_attempts: int, policy: RetryPolicy) -> None:
        self._database = database
        self._pause = pause
        self._max_attempts = max_attempts
        self._policy = policy

    async def after(self, job: ClaimedJob, error: Exception) -> Outcome | None:
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
            if isinstance(error, TransientError) and not is_charged:
                self._pause.begin(error)
            await claim.retry_later(connection, job.lease_id, delay=delay, reason=str(error), is_charged=is_charged)
        metrics.JOBS_RETRIED.inc()
        log.warning("job.retrying", error=str(error), next_try_s=round(delay, 1))
        return None
