"""The lease protocol on `job` rows: claim, heartbeat, hand back, rescue.

Every write after the claim says `WHERE lease_id = :lease_id`: a runner that lost its lease (paused, cut off, thought
dead) changes nothing. Time is the database's own, so runners' clocks do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.database import Connection
from shared.errors import PermanentError

#: Bytes of a submission that a claim takes along; a longer one is read when it is about to run (`submission_of`).
_SHORT: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job under our lease. `attempt` counts this try (from 1); `job` is the JSON text that the consumer wrote, or
    None when it is long.

    `waited_s` is for how long it had been due. A job with a `stop_reason` is not to be run: it is to be failed, and
    its recipient told.
    """

    id: int
    upload: int
    recipient: str
    job: str | None
    request_id: UUID
    attempt: int
    lease_id: UUID
    stop_reason: str | None = None
    waited_s: float = 0.0


async def claim(connection: Connection, *, limit: int, lease_seconds: float) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, senders in turn; nobody else gets them while the lease lasts."""
    # The CTE is an optimization fence: the rows are locked first, then updated, whatever the planner thinks of it.
    rows = await connection.fetch_all(
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM job WHERE status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL
            ORDER BY turn, id LIMIT :limit FOR UPDATE SKIP LOCKED
        )
        UPDATE job SET status = 'executing', attempt = attempt + 1, lease_id = gen_random_uuid(), started_at = now(),
            lease_expires_at = now() + make_interval(secs => :lease_seconds),
            -- Only a row that others wrote lacks one, and its mail needs a name of its own.
            request_id = coalesce(job.request_id, gen_random_uuid())
        FROM due, uploads WHERE job.id = due.id AND uploads.id = job.upload
        RETURNING job.id, job.upload, coalesce(uploads.email, '') AS email, job.request_id, job.attempt,
            CASE WHEN octet_length(job.job) <= :short THEN job.job END AS job, job.lease_id,
            job.stop_reason, extract(epoch FROM now() - job.run_after) AS waited_s
        """,
        {"limit": limit, "lease_seconds": lease_seconds, "short": _SHORT},
    )
    return [
        ClaimedJob(
            r["id"],
            r["upload"],
            r["email"],
            r["job"],
            r["request_id"],
            r["attempt"],
            r["lease_id"],
            r["stop_reason"],
            float(r["waited_s"]),
        )
        for r in rows
    ]


async def submission_of(connection: Connection, job_id: int) -> bytes:
    """The JSON text of a job, in UTF-8: as text it may take four times the memory."""
    row = await connection.fetch_one("SELECT convert_to(job, 'UTF8') AS job FROM job WHERE id = :id", {"id": job_id})
    if row is None or row["job"] is None:
        raise PermanentError("its submission is missing")
    submission: bytes = row["job"]
    return submission


async def seconds_until_due(connection: Connection) -> float | None:
    """How long until the next waiting job is due, 0 when one is; None when none waits."""
    row = await connection.fetch_one(
        "SELECT extract(epoch FROM run_after - now()) AS seconds FROM job"
        " WHERE status = 'none-executed' AND upload IS NOT NULL ORDER BY run_after LIMIT 1"
    )
    return max(0.0, float(row["seconds"])) if row else None


async def heartbeat(connection: Connection, lease_ids: Sequence[UUID], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases; returns those that are still ours."""
    rows = await connection.fetch_all(
        "UPDATE job SET lease_expires_at = now() + make_interval(secs => :lease_seconds)"
        " WHERE lease_id = ANY(:lease_ids) AND status = 'executing' RETURNING lease_id",
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
    await _notify(connection)


async def retry_later(connection: Connection, lease_id: UUID, *, delay: float) -> None:
    """Hand a job back, due again in `delay` seconds; the attempt is charged."""
    await connection.execute(
        "UPDATE job SET status = 'none-executed', run_after = now() + make_interval(secs => :delay),"
        " lease_id = NULL, lease_expires_at = NULL WHERE lease_id = :lease_id AND status = 'executing'",
        {"lease_id": lease_id, "delay": delay},
    )


async def rescue(connection: Connection) -> list[int]:
    """Return to the waiting jobs what dead runners held: every job whose lease has expired."""
    rows = await connection.fetch_all(
        """
        WITH expired AS MATERIALIZED (
            SELECT id FROM job WHERE status = 'executing' AND lease_expires_at < now()
            ORDER BY lease_expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
        )
        UPDATE job SET status = 'none-executed', run_after = now(), lease_id = NULL, lease_expires_at = NULL
        FROM expired WHERE job.id = expired.id RETURNING job.id
        """
    )
    if rows:
        await _notify(connection)
    return [row["id"] for row in rows]


async def _notify(connection: Connection) -> None:
    await connection.execute("SELECT pg_notify('precieux_jobs', '')")
