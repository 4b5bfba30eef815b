"""The lease protocol on `job` rows: claim, heartbeat, hand back, rescue.

Every write after the claim says `WHERE lease_id = :lease_id`: a runner that lost its lease (paused, cut off, thought
dead) changes nothing. Time is the database's own, so runners' clocks do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job under our lease. `attempt` counts this try (from 1); `job` is the JSON text that the consumer wrote.

    `waited_s` is for how long it had been due. A job with a `stop_reason` is not to be run: it is to be failed, and
    its recipient told. `owner` is the key that submitted it, 0 where there is none.
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
    owner: int = 0


# Two levels (docs/adr/0094). The lowest turns say how many jobs of which key are next; the lowest places say which
# jobs of that key. Where these are not the jobs that had the turns, the two swap turns, so a key keeps those that it
# has. The CTEs are optimization fences: the rows are locked first, then updated, whatever the planner thinks of it.
# Rows that another runner holds are skipped, so nobody waits; a key's own turns are locked, so there are always jobs
# for them.
_CLAIM: Final = """
    WITH due AS MATERIALIZED (
        SELECT id, owner, turn FROM job WHERE status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL
        ORDER BY turn, id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), chosen AS MATERIALIZED (
        SELECT next.id, share.owner, next.turn
        FROM (SELECT owner, count(*) AS turns FROM due GROUP BY owner) AS share
        CROSS JOIN LATERAL (
            SELECT id, turn FROM job
            WHERE status = 'none-executed' AND owner = share.owner AND run_after <= now() AND upload IS NOT NULL
            ORDER BY place, id LIMIT share.turns FOR UPDATE SKIP LOCKED
        ) AS next
        -- It cuts nothing off; it tells the planner how few these are, which the limit inside does not.
        LIMIT :limit
    ), passed AS (
        SELECT id, owner, turn, row_number() OVER (PARTITION BY owner ORDER BY turn, id) AS nth
        FROM due WHERE id NOT IN (SELECT id FROM chosen)
    ), preferred AS (
        SELECT id, owner, turn, row_number() OVER (PARTITION BY owner ORDER BY turn, id) AS nth
        FROM chosen WHERE id NOT IN (SELECT id FROM due)
    ), swapped AS (
        SELECT preferred.id, passed.turn, passed.id AS with_id, preferred.turn AS with_turn
        FROM passed JOIN preferred USING (owner, nth)
    ), waits AS (
        UPDATE job SET turn = with_turn FROM swapped WHERE job.id = with_id
    )
    UPDATE job SET status = 'executing', attempt = attempt + 1, lease_id = gen_random_uuid(), started_at = now(),
        lease_expires_at = now() + make_interval(secs => :lease_seconds),
        turn = coalesce(swapped.turn, job.turn),
        -- Only a row that others wrote lacks one, and its mail needs a name of its own.
        request_id = coalesce(job.request_id, gen_random_uuid())
    FROM chosen LEFT JOIN swapped ON swapped.id = chosen.id, uploads
    WHERE job.id = chosen.id AND uploads.id = job.upload
    RETURNING job.id, job.upload, job.owner, coalesce(uploads.email, '') AS email, job.job, job.request_id,
        job.attempt, job.lease_id, job.stop_reason, extract(epoch FROM now() - job.run_after) AS waited_s
"""


async def claim(connection: Connection, *, limit: int, lease_seconds: float) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, keys in turn and within a key its senders; nobody else gets them while the lease
    lasts.
    """
    rows = await connection.fetch_all(_CLAIM, {"limit": limit, "lease_seconds": lease_seconds})
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
            r["owner"],
        )
        for r in rows
    ]


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
