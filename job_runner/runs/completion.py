"""Completes a job that has an outcome: stores files, renders the mail, and writes all rows in one statement."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.result_mail import render
from job_runner.engine.pause import MAX_PAUSE, Pause
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.finish import JobResult, finish
from job_runner.runs.stored_files import remove_files, store_files
from job_runner.verdict.outcome import Outcome
from shared.adapters.database.connection import Database
from shared.adapters.database.group_commit import GroupCommit
from shared.adapters.storage.base import ObjectStore
from shared.common.service import metrics
from shared.common.service.errors import DatabaseConflict, DatabaseUnavailable, StoreUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)


class Completion:
    """Completes jobs. `complete` may run for many at once."""

    def __init__(
        self, database: Database, store: ObjectStore, branding: Branding, policy: RetryPolicy, pause: Pause
    ) -> None:
        self._database = database
        self._store = store
        self._branding = branding
        self._policy = policy.capped(MAX_PAUSE)
        self._pause = pause
        self._group = GroupCommit[JobResult, bool](lambda results: database.call(finish, results))

    async def complete(self, job: ClaimedJob, outcome: Outcome) -> bool:
        """Write the outcome as soon as the store and the database take it: it is not computed again.

        The runner claims nothing meanwhile. Return False, and write nothing, if the lease is lost.
        """
        failures, is_certain = 0, True
        while True:
            try:
                return await self._try(job, outcome, is_certain=is_certain)
            except (StoreUnavailable, DatabaseUnavailable) as exc:
                failures, reason = failures + 1, str(exc)
                self._pause.wait_for(job.lease_id, exc)
                delay = self._policy.delay(failures, at_least=exc.retry_after)
                # A commit whose answer was lost may have been made.
                is_certain = is_certain and isinstance(exc, StoreUnavailable | DatabaseConflict)
            # Without a database no other runner can claim the job, so the lease is still ours.
            with suppress(DatabaseUnavailable):
                async with self._database.connection() as connection:
                    if not await claim.keep_waiting(connection, job.lease_id, reason):
                        log.warning("job.lease_lost")
                        return False
            await asyncio.sleep(delay)

    async def _try(self, job: ClaimedJob, outcome: Outcome, *, is_certain: bool) -> bool:
        """Complete a job. If it is not certain that an earlier try wrote nothing, what is stored stays: the result may
        name it."""
        files = await store_files(self._store, job, outcome)
        if outcome.details is not None:  # the files are stored, and the database may be slow
            outcome = replace(outcome, details=replace(outcome.details, artifacts=None))
        email = render(job, outcome, self._branding, files) if job.recipient else None
        is_written = await self._group.write(JobResult(job, outcome, email, files))
        if is_written:
            metrics.JOBS_FINISHED.labels(outcome.state, outcome.verdict or "none").inc()
        write_record = log.info if outcome.reason is None else log.warning
        event = "job.finished" if is_written else "job.lease_lost"
        write_record(event, state=outcome.state, verdict=outcome.verdict, reason=outcome.reason)
        if not is_written and is_certain:
            await remove_files(self._store, files)
        return is_written
