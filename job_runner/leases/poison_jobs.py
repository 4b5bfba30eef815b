"""Finds the program that stopped an engine or a runner among the jobs whose runs were interrupted (docs/adr/0005).

When an engine or a runner stops, all its runs end with it, and one program is the cause. So an interruption charges no
attempt. Each of these jobs runs once more, alone: nothing else runs at any engine meanwhile. If that run is interrupted
too, its program is the culprit, and its job fails with the reason.
"""

from typing import Final
from uuid import UUID

from job_runner.leases import claim
from job_runner.leases.claim import INTERRUPTED, PAUSE_END, WAITING_INTERRUPTED, ClaimedJob
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database, Record
from shared.common.service import metrics
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: A claim that began before an interrupted job was due does not see it. Such a claim has ended after this time.
_GRACE_SECONDS: Final = 0.5

#: A row of the original system may keep this status indefinitely, without a lease.
_EXECUTING: Final = "status = 'executing' AND lease_expires_at IS NOT NULL"

# All runners choose the same interrupted job, and only one of them gets the lock of its row.
_CLAIM: Final = claim.statement(f"""
    taken AS MATERIALIZED (
        SELECT id, turn FROM job
        WHERE id = (SELECT id FROM job WHERE {WAITING_INTERRUPTED} ORDER BY run_after, id LIMIT 1)
            AND {WAITING_INTERRUPTED} AND run_after <= now() - make_interval(secs => :grace)
            AND {PAUSE_END} <= now() - make_interval(secs => :grace)
            AND NOT EXISTS (SELECT FROM job WHERE {_EXECUTING})
        FOR UPDATE SKIP LOCKED
    )
""")  # noqa: S608  (constants)

# What was executing beside a job, or was interrupted with it, may be the cause as well.
_INTERRUPT: Final = f"""
    WITH broken AS MATERIALIZED ({{broken}}), judged AS (
        SELECT id, crashes > 0 AND stop_reason IS NULL
            AND NOT EXISTS (SELECT FROM job WHERE {_EXECUTING} AND job.id <> broken.id)
            AND NOT EXISTS (SELECT FROM job WHERE {INTERRUPTED} AND status = 'none-executed'
                AND crashed_at >= broken.started_at) AS is_culprit
        FROM broken
    )
    UPDATE job SET status = 'none-executed', attempt = attempt - 1, crashes = crashes + 1, crashed_at = now(),
        stop_reason = CASE WHEN is_culprit
            THEN format('the %s stopped while it ran this program, %s times', CAST(:what AS text), crashes + 1)
            ELSE stop_reason END,
        lease_id = NULL, lease_expires_at = NULL, run_after = now()
    FROM judged WHERE job.id = judged.id
    RETURNING job.id, job.crashes, is_culprit, stop_reason, pg_notify(:submissions, CAST(job.upload AS text))
"""  # noqa: S608
_INTERRUPT_ONE: Final = _INTERRUPT.format(
    broken="""
        SELECT id, crashes, started_at, stop_reason FROM job WHERE lease_id = :lease_id AND status = 'executing'
        FOR NO KEY UPDATE
    """
)
_RESCUE: Final = _INTERRUPT.format(
    broken="""
        SELECT id, crashes, started_at, stop_reason FROM job
        WHERE status = 'executing' AND lease_expires_at < now()
        ORDER BY lease_expires_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
    """
)


async def claim_alone(database: Database, *, lease_seconds: float, grace: float = _GRACE_SECONDS) -> list[ClaimedJob]:
    """Take the first interrupted job, if nothing else is executing and the pause since the last is over."""
    async with database.connection() as connection:
        values = {"lease_seconds": lease_seconds, "grace": grace, "pause": claim.PAUSE_SECONDS}
        rows = await connection.fetch_all(_CLAIM, values)
    return [claim.job_of(row) for row in rows]


async def interrupt(connection: Connection, lease_id: UUID, error: str) -> None:
    """Hand back a job whose engine stopped during its run: it is the cause, or only ran at the same time."""
    metrics.JOBS_INTERRUPTED.inc()
    for row in await _write(connection, _INTERRUPT_ONE, {"lease_id": lease_id, "what": "engine"}):
        log.warning("job.interrupted", error=error, crashes=row["crashes"])


async def rescue(connection: Connection) -> list[int]:
    """Hand back the jobs whose leases have expired because their runners died, and return their ids."""
    return [row["id"] for row in await _write(connection, _RESCUE, {"what": "runner"})]


async def _write(connection: Connection, sql: str, values: dict[str, object]) -> list[Record]:
    rows = await connection.fetch_all(sql, {**values, "submissions": channels.SUBMISSIONS})
    if rows:
        await connection.notify(channels.JOBS)
    for row in rows:
        if row["is_culprit"]:
            metrics.POISON_JOBS.inc()
            log.error("job.poison", job=row["id"], reason=row["stop_reason"])
    return rows
