"""One claimed job from start to end: engine, object store, outcome; or back to the queue."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic_core import from_json

from job_runner import claim, suspects
from job_runner.claim import ClaimedJob
from job_runner.codex_client import Engine
from job_runner.emails.render import render
from job_runner.finish import Ending, finish
from job_runner.group_commit import GroupCommit
from job_runner.outcome import (
    ASK_AGAIN,
    ASK_THE_OPERATOR,
    SEND_ANOTHER,
    Outcome,
    decide,
    give_up,
    tells_of_load,
)
from job_runner.output_keys import output_key
from job_runner.settings import MAX_CRASHES
from job_runner.storable import storable
from shared import budgets, metrics
from shared.budgets import Use, run_seconds
from shared.database.connection import Database
from shared.errors import (
    DatabaseConflict,
    DatabaseUnavailable,
    EngineCrashed,
    EngineRefused,
    EngineUnavailable,
    PermanentError,
    PrecieuxError,
    TransientError,
)
from shared.languages import check_lang
from shared.logging import get_logger
from shared.retry import RetryPolicy
from shared.storage.base import ObjectStore

log = get_logger(__name__)

#: How long the link in a mail works; S3 allows no more.
LINK_LIFETIME: Final = timedelta(days=7)


class Processor:
    """Processes jobs; `process` may run for many at once.

    `mail_domain` is the right side of Message-IDs. `load_seconds` is the delay before a run that the engine's load
    spoiled is repeated. `key_cpu_seconds` is the hourly budget of each key.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        engine: Engine,
        mail_domain: str,
        max_attempts: int,
        *,
        max_crashes: int = MAX_CRASHES,
        load_seconds: float = 10.0,
        key_cpu_seconds: int = 36_000,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._engine = engine
        self._mail_domain = mail_domain
        self._max_attempts = max_attempts
        self._max_crashes = max_crashes
        self._load_seconds = load_seconds
        self._policy = policy or RetryPolicy()
        self._rng = random.Random()  # noqa: S311  (jitter)
        self._reading = asyncio.Lock()
        self._key_cpu_seconds = key_cpu_seconds
        self._endings = GroupCommit(self._finish)
        self._charges = GroupCommit(self._charge_all)

    async def process(self, job: ClaimedJob, answered: Callable[[], None] = lambda: None) -> None:
        """Run a job and write its end, or hand it back to be tried again. Raises only `DatabaseUnavailable`.

        `answered` is called when the engine is done with it, and what is left is to store the outcome.
        """
        try:
            started = time.monotonic()
            outcome = await self._run(job)
            elapsed = time.monotonic() - started
            answered()
            if await self._complete(job, outcome):
                await self._charge(job, outcome, elapsed)
        except DatabaseUnavailable:
            raise
        except EngineRefused as exc:
            await self._complete(job, give_up(str(exc), is_ours=False, next_step=SEND_ANOTHER))
        except PermanentError as exc:
            await self._complete(job, give_up(str(exc)))
        except EngineCrashed as exc:
            await self._interrupted(job, exc)
        except TransientError as exc:
            await self._try_again(job, exc)
        except Exception as exc:
            # A defect of ours must not take the job with it: it is tried again, and the trace is in the log.
            log.exception("job.crashed")
            await self._try_again(job, PrecieuxError(f"an error of ours ({type(exc).__name__})"))

    async def _run(self, job: ClaimedJob) -> Outcome:
        if job.stop_reason is not None:
            return give_up(job.stop_reason, next_step=ASK_THE_OPERATOR if job.quarantined else ASK_AGAIN)
        if job.attempt > self._max_attempts:
            # A failure is counted where it is seen; these attempts ended with their runner.
            return give_up(f"it was started {job.attempt - 1} times and never came to an end")
        submission = await self._submission(job)
        language = check_lang(submission["language"]) or submission["language"]
        answer = await self._engine.run(
            code=submission["contents"],
            language=language,
            inputs=submission["inputs"],
            share=f"key-{job.owner}",
            filename=job.filename,
        )
        if tells_of_load(answer, job.attempt):
            raise EngineUnavailable("the machine was overloaded while it ran", retry_after=self._load_seconds)
        return decide(answer)

    async def _submission(self, job: ClaimedJob) -> Any:
        if job.job is not None:
            return from_json(job.job)
        # One at a time: a long one takes several times its length in memory while it is read and parsed.
        async with self._reading, self._database.connection() as connection:
            return from_json(await claim.submission_of(connection, job.id))

    async def _complete(self, job: ClaimedJob, outcome: Outcome) -> bool:
        """Write the end of a job; return False, and write nothing, if its lease is lost."""
        key = link = None
        if outcome.answer is not None:
            # Before the outcome, under a name of this attempt's own: a crash in between leaves an orphan, never a
            # result without its output, and a late writer cannot replace another attempt's.
            key = output_key(job.id, job.attempt, job.lease_id)
            data = outcome.answer.output.encode("utf-8", "replace")
            await self._store.put(key, data, content_type="text/plain; charset=utf-8")
            link = await self._store.link(key, expires_in=LINK_LIFETIME)
        shown_link = link if outcome.answer and outcome.answer.output else None
        email = render(job, outcome, filelink=shown_link, domain=self._mail_domain)
        ours = await self._endings.write(Ending(job, outcome, email, output_key=key, filelink=link))
        if ours:
            metrics.JOBS_FINISHED.labels(outcome.state, outcome.verdict or "none").inc()
        event = "job.finished" if ours else "job.lease_lost"
        tell = log.info if outcome.reason is None else log.warning
        tell(event, state=outcome.state, verdict=outcome.verdict, reason=outcome.reason)
        if not ours and key is not None:
            await self._store.delete(key)
        return ours

    async def _charge(self, job: ClaimedJob, outcome: Outcome, elapsed: float) -> None:
        """Charge the key for the time of its program, unless the run failed on our side.

        The charge is the larger of the time for which the program held a slot and its CPU time, which is larger if it
        used several processors. A program that sleeps or compiles holds a slot as well.
        """
        if outcome.answer is None or job.owner == 0:
            return
        try:
            await self._charges.write((job.owner, max(elapsed, outcome.answer.time_s or 0.0)))
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
            # Nothing was written, but a program that has run must not run again because of that.
            log.warning("outcome.writing_again", error=str(exc))
            async with self._database.connection() as connection:
                return await finish(connection, endings)

    async def _interrupted(self, job: ClaimedJob, error: EngineCrashed) -> None:
        """Hand back a job whose engine stopped. The job may be the cause, or have run at the same time."""
        metrics.JOBS_INTERRUPTED.inc()
        async with self._database.connection() as connection:
            interruption = await suspects.interrupted(
                connection,
                job.lease_id,
                delay=self._policy.delay(1, self._rng),
                max_crashes=self._max_crashes,
                max_interruptions=self._max_attempts,
            )
        if interruption is not None:
            log.warning("job.interrupted", error=str(error), crashes=interruption.crashes)
            suspects.tell(interruption)

    async def _try_again(self, job: ClaimedJob, error: PrecieuxError) -> None:
        if job.attempt >= self._max_attempts:
            await self._complete(job, give_up(f"{error} (tried {job.attempt} times)"))
            return
        metrics.JOBS_RETRIED.inc()
        retry_after = error.retry_after if isinstance(error, TransientError) else None
        delay = self._policy.delay(job.attempt, self._rng, at_least=retry_after)
        async with self._database.connection() as connection:
            await claim.retry_later(connection, job.lease_id, delay=delay, reason=storable(str(error)))
        log.warning(
            "job.retrying",
            error=str(error),
            delay_s=round(delay, 1),
        )
