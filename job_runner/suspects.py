"""Finds the program that stopped an engine or a runner among the jobs whose runs were interrupted.

When an engine or a runner stops, all its runs end with it, and one program is the cause. So an interruption charges no
attempt, and makes each of these jobs a suspect:

- A suspect runs again beside ordinary jobs, but never beside another suspect. An innocent suspect completes this run.
- A suspect that was interrupted `max_crashes` times runs alone: nothing else runs at any engine meanwhile.
- A suspect that is interrupted for the `max_crashes`th time or later, with nothing else under way, is the cause. Its
  job is stopped with the reason, and its source stays in quarantine until the operator lifts it (docs/adr/0089).
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from job_runner import claim
from job_runner.claim import ClaimedJob
from job_runner.settings import MAX_CRASHES
from shared import channels, metrics
from shared.database.connection import Connection, Database
from shared.logging import get_logger

log = get_logger(__name__)

#: The lock under which suspects are chosen, so that two runners do not choose one each.
_LOCK: Final = 0x5355_5350
#: A claim that began before a job was due to run alone does not see that job. Such a claim has ended after this time.
_GRACE_SECONDS: Final = 0.5
#: The shortest time between two runs alone, so that other jobs get their turn in between.
_SPACING_SECONDS: Final = 10.0
#: Interruptions after which a job is given up, although the cause is unknown.
MAX_INTERRUPTIONS: Final = 20

_SUSPECT: Final = "crashes > 0 AND stop_reason IS NULL"
#: A row of the original system may keep this status indefinitely, without a lease.
_EXECUTING: Final = "status = 'executing' AND lease_expires_at IS NOT NULL"

_CHOOSE: Final = f"""
    SELECT id, turn FROM job
    WHERE {_SUSPECT} AND status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL
        AND NOT EXISTS (SELECT FROM job WHERE {_SUSPECT} AND status = 'executing')
        AND CASE WHEN crashes >= :max_crashes
            THEN run_after <= now() - make_interval(secs => :grace)
                AND NOT EXISTS (SELECT FROM job WHERE {_EXECUTING})
            ELSE NOT EXISTS (SELECT FROM job WHERE {_SUSPECT} AND crashes >= :max_crashes
                AND status IN ('none-executed', 'executing'))
            END
    ORDER BY turn, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608  (constants)
_CLAIM: Final = claim.statement(f"taken AS MATERIALIZED ({_CHOOSE})")

_INTERRUPT: Final = f"""
    WITH broken AS MATERIALIZED ({{broken}}), judged AS (
        SELECT id, upload, stop_reason, crashes + 1 AS crashes, stop_reason IS NULL AND crashes + 1 >= :max_crashes
            AND NOT EXISTS (SELECT FROM job WHERE {_EXECUTING} AND job.id <> broken.id)
            -- Jobs of the same interruption may have been handed back before this one.
            AND NOT EXISTS (SELECT FROM job WHERE {_SUSPECT} AND status = 'none-executed'
                AND crashed_at >= broken.started_at) AS guilty
        FROM broken
    ), decided AS (
        SELECT *, CASE WHEN guilty OR stop_reason IS NULL AND crashes >= :max_interruptions
            THEN format('the %s stopped while it ran this program, %s times', CAST(:what AS text), crashes)
            END AS reason
        FROM judged
    ), quarantined AS (
        INSERT INTO quarantine (sha256, language, reason, job, crashes)
        SELECT uploads.sha256, uploads.language, reason, decided.id, crashes
        FROM decided JOIN uploads ON uploads.id = decided.upload WHERE guilty AND uploads.sha256 IS NOT NULL
        ON CONFLICT (sha256) DO NOTHING
    )
    UPDATE job SET status = 'none-executed', attempt = attempt - 1, crashes = decided.crashes, crashed_at = now(),
        stop_reason = coalesce(job.stop_reason, decided.reason), lease_id = NULL, lease_expires_at = NULL,
        run_after = CASE WHEN coalesce(job.stop_reason, decided.reason) IS NOT NULL THEN now() ELSE greatest(
            now() + make_interval(secs => :delay),
            CASE WHEN decided.crashes >= :max_crashes THEN (
                SELECT max(run_after) + make_interval(secs => :spacing) FROM job
                WHERE {_SUSPECT} AND crashes >= :max_crashes AND status = 'none-executed') END) END
    FROM decided WHERE job.id = decided.id
    RETURNING job.id, job.crashes, decided.reason, guilty, pg_notify(:submissions, CAST(job.upload AS text))
"""  # noqa: S608
_INTERRUPT_ONE: Final = _INTERRUPT.format(
    broken="""
        SELECT id, upload, crashes, started_at, stop_reason FROM job WHERE lease_id = :lease_id AND status = 'executing'
        FOR NO KEY UPDATE
    """
)
_RESCUE: Final = _INTERRUPT.format(
    broken="""
        SELECT id, upload, crashes, started_at, stop_reason FROM job
        WHERE status = 'executing' AND lease_expires_at < now()
        ORDER BY lease_expires_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
    """
)


@dataclass(frozen=True, slots=True)
class Interruption:
    """The result of an interruption: a `guilty` job was the cause; a job with a `stop_reason` does not run again."""

    job: int
    crashes: int
    stop_reason: str | None
    guilty: bool


def report(interruption: Interruption) -> None:
    """Log and count a job that does not run again because of its interruptions."""
    if interruption.stop_reason is not None:
        metrics.JOBS_CONDEMNED.labels("quarantined" if interruption.guilty else "given up").inc()
        log.error(
            "job.quarantined" if interruption.guilty else "job.given_up",
            job=interruption.job,
            reason=interruption.stop_reason,
        )


async def claim_one(
    database: Database, *, lease_seconds: float, max_crashes: int = MAX_CRASHES, grace: float = _GRACE_SECONDS
) -> list[ClaimedJob]:
    """Take a suspect whose turn it is, if there is one."""
    async with database.connection() as connection:
        waiting = await connection.fetch_one(f"SELECT FROM job WHERE {_SUSPECT} AND status = 'none-executed' LIMIT 1")
    if waiting is None:
        return []
    async with database.transaction() as connection:
        lock = await connection.fetch_one("SELECT pg_try_advisory_xact_lock(:lock) AS ours", {"lock": _LOCK})
        if lock is None or not lock["ours"]:
            return []
        # This is a separate statement, so that it sees the changes of the lock's last holder.
        rows = await connection.fetch_all(
            _CLAIM, {"lease_seconds": lease_seconds, "max_crashes": max_crashes, "grace": grace}
        )
    return [claim.job_of(row) for row in rows]


async def interrupt(
    connection: Connection,
    lease_id: UUID,
    *,
    delay: float,
    max_crashes: int = MAX_CRASHES,
    max_interruptions: int = MAX_INTERRUPTIONS,
) -> Interruption | None:
    """Hand back a job whose engine stopped during its run, due in `delay` seconds; return None if it is not ours."""
    values = {"lease_id": lease_id, "what": "engine", "delay": delay}
    interruptions = await _write(connection, _INTERRUPT_ONE, values, max_crashes, max_interruptions)
    return interruptions[0] if interruptions else None


async def rescue(
    connection: Connection, *, max_crashes: int = MAX_CRASHES, max_interruptions: int = MAX_INTERRUPTIONS
) -> list[Interruption]:
    """Hand back the jobs whose leases have expired because their runners died."""
    values: dict[str, object] = {"what": "runner", "delay": 0.0}
    return await _write(connection, _RESCUE, values, max_crashes, max_interruptions)


async def _write(
    connection: Connection, sql: str, values: dict[str, object], max_crashes: int, max_interruptions: int
) -> list[Interruption]:
    limits = {"max_crashes": max_crashes, "max_interruptions": max_interruptions, "spacing": _SPACING_SECONDS}
    rows = await connection.fetch_all(sql, {**values, **limits, "submissions": channels.SUBMISSIONS})
    if rows:
        await claim.notify(connection)
    return [Interruption(row["id"], row["crashes"], row["reason"], row["guilty"]) for row in rows]
