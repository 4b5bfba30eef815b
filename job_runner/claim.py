"""The lease protocol on `job` rows: claim, heartbeat, hand back. Interrupted jobs are `job_runner.suspects`'.

Every write after the claim says `WHERE lease_id = :lease_id`: a runner that lost its lease (paused, cut off, thought
dead) changes nothing. Time is the database's own, so runners' clocks do not matter.

Who locks several rows locks jobs by (upload, id), each before its upload, or skips what is locked; so nobody waits in a
circle, and a test looks at every statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from job_runner.settings import MAX_CRASHES
from shared.database import Connection, Record

#: The CTE is an optimization fence: the rows are locked first, then updated, whatever the planner thinks of it.
TAKE: Final = """
    WITH due AS MATERIALIZED ({due})
    UPDATE job SET status = 'executing', attempt = attempt + 1, lease_id = gen_random_uuid(), started_at = now(),
        lease_expires_at = now() + make_interval(secs => :lease_seconds),
        stop_reason = coalesce(stop_reason, quarantine.reason),
        -- Only a row that others wrote lacks one, and its mail needs a name of its own.
        request_id = coalesce(job.request_id, gen_random_uuid())
    FROM due, uploads LEFT JOIN quarantine ON quarantine.sha256 = uploads.sha256
    WHERE job.id = due.id AND uploads.id = job.upload
    RETURNING job.id, job.upload, coalesce(uploads.email, '') AS email, job.job, job.request_id, job.attempt,
        job.lease_id, job.stop_reason, quarantine.sha256 IS NOT NULL AS quarantined,
        extract(epoch FROM now() - job.run_after) AS waited_s
"""
_CLAIM: Final = TAKE.format(
    due="""
        SELECT id FROM job
        WHERE status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL
            AND (crashes = 0 OR stop_reason IS NOT NULL)
            -- A suspect that is to run alone waits until all others have ended.
            AND NOT EXISTS (SELECT FROM job WHERE crashes > 0 AND stop_reason IS NULL AND crashes >= :max_crashes
                AND status IN ('none-executed', 'executing') AND (status = 'executing' OR run_after <= now()))
        ORDER BY turn, id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job under our lease. `attempt` counts this try (from 1); `job` is the JSON text that the consumer wrote.

    `waited_s` is for how long it had been due. A job with a `stop_reason` is not to be run: it is to be failed, and
    its recipient told; it is `quarantined` when asking again would change nothing.
    """

    id: int
    upload: int
    recipient: str
    job: str
    request_id: UUID
    attempt: int
    lease_id: UUID
    stop_reason: str | None = None
    waited_s: float = 0.0
    quarantined: bool = False


async def claim(
    connection: Connection, *, limit: int, lease_seconds: float, max_crashes: int = MAX_CRASHES
) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, senders in turn; nobody else gets them while the lease lasts."""
    rows = await connection.fetch_all(
        _CLAIM, {"limit": limit, "lease_seconds": lease_seconds, "max_crashes": max_crashes}
    )
    return [claimed(row) for row in rows]


def claimed(row: Record) -> ClaimedJob:
    """The job of a row that `TAKE` returned."""
    return ClaimedJob(
        row["id"],
        row["upload"],
        row["email"],
        row["job"],
        row["request_id"],
        row["attempt"],
        row["lease_id"],
        row["stop_reason"],
        float(row["waited_s"]),
        row["quarantined"],
    )


async def seconds_until_due(connection: Connection) -> float | None:
    """How long until a waiting job should be looked for: 0 when one is due; None when none waits.

    A suspect may be due and still have to wait for others, so it is looked for a few times a second.
    """
    row = await connection.fetch_one(
        """
        SELECT extract(epoch FROM least(
            (SELECT run_after FROM job
                WHERE status = 'none-executed' AND upload IS NOT NULL AND (crashes = 0 OR stop_reason IS NOT NULL)
                ORDER BY run_after LIMIT 1),
            (SELECT greatest(run_after, now() + interval '0.25 s') FROM job
                WHERE crashes > 0 AND stop_reason IS NULL AND status = 'none-executed' AND upload IS NOT NULL
                ORDER BY run_after LIMIT 1)) - now()) AS seconds
        """
    )
    return max(0.0, float(row["seconds"])) if row and row["seconds"] is not None else None


async def heartbeat(connection: Connection, lease_ids: Sequence[UUID], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases; returns those that are still ours."""
    rows = await connection.fetch_all(
        """
        WITH held AS MATERIALIZED (
            SELECT id FROM job WHERE lease_id = ANY(:lease_ids) AND status = 'executing'
            ORDER BY upload, id FOR NO KEY UPDATE
        )
        UPDATE job SET lease_expires_at = now() + make_interval(secs => :lease_seconds)
        FROM held WHERE job.id = held.id RETURNING lease_id
        """,
        {"lease_ids": list(lease_ids), "lease_seconds": lease_seconds},
    )
    return {row["lease_id"] for row in rows}


async def release(connection: Connection, lease_id: UUID) -> None:
    """Hand a job back as if it had never been claimed: a shutdown is not the job's fault."""
    await connection.execute(
        "UPDATE job SET status = 'none-executed', attempt = attempt - 1, lease_id = NULL, lease_expires_at = NULL"
        " WHERE lease_id = :lease_id AND status = 'executing'",
        {"lease_id": lease_id},
    )
    await notify(connection)


async def retry_later(connection: Connection, lease_id: UUID, *, delay: float) -> None:
    """Hand a job back, due again in `delay` seconds; the attempt is charged."""
    await connection.execute(
        "UPDATE job SET status = 'none-executed', run_after = now() + make_interval(secs => :delay),"
        " lease_id = NULL, lease_expires_at = NULL WHERE lease_id = :lease_id AND status = 'executing'",
        {"lease_id": lease_id, "delay": delay},
    )


async def notify(connection: Connection) -> None:
    """Wake the runners."""
    await connection.execute("SELECT pg_notify('precieux_jobs', '')")
