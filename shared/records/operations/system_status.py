"""Reads the state of the service for the operator: waiting and running jobs, failures, and working processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.adapters.broker.base import DEAD_QUEUE
from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.database.connection import Connection, Database
from shared.adapters.database.standby import lacks_standby
from shared.common.service.errors import BrokerUnavailable
from shared.records.operations import backlog, jobs, workers
from shared.records.operations.backlog import Backlog
from shared.records.operations.job_state import RESULT_WAITS
from shared.records.operations.workers import Worker

#: Seconds for which a look may be reused, so that many open pages cost as much as one.
REUSED_SECONDS: Final = 2.0
#: The most that is counted of failures.
MAX: Final = 1000

_FAILURES: Final = f"""
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM job WHERE status = 'failed' AND finished_at > now() - interval '1 day' LIMIT {MAX}
        ) AS failed) AS jobs,
        (SELECT count(*) FROM (
            SELECT FROM emails WHERE status IN ('refused', 'bounced', 'complained', 'uncertain')
                AND updated_at > now() - interval '1 day' LIMIT {MAX}
        ) AS failed) AS mails
"""  # noqa: S608  (constants)


#: The most reasons that are listed.
_REASONS: Final = 5
_RETRIED: Final = f"""
    SELECT failure AS reason, count(*) AS count, max(attempt) AS attempts, bool_or(status = 'executing') AS are_results,
        CAST(extract(epoch FROM now() - min(created_at)) AS float8) AS oldest_s,
        EXISTS (SELECT FROM job WHERE status = 'executed' AND finished_at > now() - interval '1 minute') AS others_run
    FROM (
        SELECT failure, attempt, created_at, status FROM job
        WHERE status = 'none-executed' AND failure IS NOT NULL
            OR status = 'executing' AND starts_with(failure, '{RESULT_WAITS}') LIMIT {MAX}
    ) AS retried
    GROUP BY failure ORDER BY count DESC, failure LIMIT {_REASONS}
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class Retried:
    """Jobs (or mails) that could not be run (or sent) for one reason, and will be tried again.

    The oldest is `oldest_s` old. `others_run` is True if a program was run in the last minute. `are_results` is True if
    some have run, and their results could not be stored yet.
    """

    reason: str
    count: int
    attempts: int
    oldest_s: float
    others_run: bool
    are_results: bool = False


# While the provider is away, mails stay due, or wait because they may have left (`job_runner.emails.sending.outage`).
_PAUSED_MAILS: Final = f"""
    SELECT last_error AS reason, count(*) AS count, max(attempt) AS attempts,
        CAST(extract(epoch FROM now() - min(created_at)) AS float8) AS oldest_s, false AS others_run
    FROM (
        (SELECT last_error, attempt, created_at FROM emails
        WHERE status = 'queued' AND last_error IS NOT NULL
            AND (run_after <= now() OR (crashes > 0 AND updated_at > now() - interval '2 minutes')) LIMIT {MAX})
        UNION ALL
        (SELECT last_error, attempt, created_at FROM emails
        WHERE status = 'sending' AND last_error IS NOT NULL LIMIT {MAX})
    ) AS paused
    WHERE NOT EXISTS (
        SELECT FROM emails WHERE status NOT IN ('queued', 'sending')
            AND updated_at > now() - interval '1 minute' AND sent_at > now() - interval '1 minute'
    )
    GROUP BY last_error ORDER BY count DESC, last_error LIMIT {_REASONS}
"""  # noqa: S608  (constants)
_ENGINE: Final = """
    SELECT * FROM (SELECT count(*) AS languages, max(seen_at) AS seen_at,
        max(seen_at) < now() - interval '2 minutes' AS is_silent,
        coalesce(array_agg(coalesce(details ->> 'name', code) ORDER BY code) FILTER (WHERE details ? 'fault'), '{}')
            AS broken, max(CAST(details ->> 'slots' AS integer)) AS slots
    FROM languages) AS engine CROSS JOIN LATERAL (
        -- The jobs that were claimed first have the slots.
        SELECT count(*) AS waiting, CAST(extract(epoch FROM now() - min(since)) AS float8) AS first_waits_s FROM (
            SELECT CASE status WHEN 'executing' THEN started_at ELSE run_after END AS since FROM job
            WHERE status = 'executing' OR (status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL)
            ORDER BY status = 'executing' DESC, since OFFSET engine.slots LIMIT 1000
        ) AS rest
    ) AS waits
"""


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine, as the runners see it: they ask it for its languages every minute.

    `broken` are the names of languages whose own program does not work. All engines together have `slots`, if they say
    so. `waiting` programs have none.
    """

    languages: int
    seen_at: datetime
    is_silent: bool
    broken: Sequence[str] = ()
    slots: int | None = None
    waiting: int = 0
    first_waits_s: float | None = None


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The service at one moment.

    `waits` has the backlog of each place (`shared.records.operations.backlog`).
    `dead` counts dead letters; None if the broker is silent.
    `failed_jobs` and `failed_mails` count those of the last day, up to `MAX`.
    `retried` has the most frequent reasons first, and so has `paused_mails`, which is empty if mails are sent.
    `engine` is None if no runner has reached it yet.
    `lacks_standby` is True if commits wait for a synchronous standby, and no standby is connected.
    """

    waits: Mapping[str, Backlog]
    running: Sequence[Mapping[str, Any]]
    workers: Sequence[Worker]
    dead: int | None
    failed_jobs: int
    failed_mails: int
    lacks_standby: bool
    retried: Sequence[Retried] = ()
    paused_mails: Sequence[Retried] = ()
    engine: EngineState | None = None

    @property
    def slots(self) -> int:
        """How many programs the connected runners have run at once."""
        return sum(worker.slots for worker in self.workers)

    @property
    def failures(self) -> int:
        return self.failed_jobs + self.failed_mails + (self.dead or 0)


async def read_system_status(database: Database, dead_letters: DeadLetters) -> SystemStatus:
    """Return the state of the service at this moment."""
    try:
        dead = (await dead_letters.depths())[DEAD_QUEUE].messages
    except BrokerUnavailable:
        dead = None
    return await database.transact(_system_status, dead)


async def _system_status(connection: Connection, dead: int | None) -> SystemStatus:
    [failures] = await connection.fetch_all(_FAILURES)
    [engine] = await connection.fetch_all(_ENGINE)
    return SystemStatus(
        waits={waiting.place: waiting for waiting in await backlog.measure(connection)},
        running=await jobs.running(connection),
        workers=await workers.connected(connection),
        dead=dead,
        failed_jobs=failures["jobs"],
        failed_mails=failures["mails"],
        lacks_standby=await lacks_standby(connection),
        retried=[Retried(**row) for row in await connection.fetch_all(_RETRIED)],
        paused_mails=[Retried(**row) for row in await connection.fetch_all(_PAUSED_MAILS)],
        engine=EngineState(**engine) if engine["languages"] else None,
    )
