"""The lease protocol on `job` rows: claim, heartbeat, hand back. Interrupted jobs are `job_runner.suspects`'.

Every write after the claim says `WHERE lease_id = :lease_id`: a runner that lost its lease (paused, cut off, thought
dead) changes nothing. Time is the database's own, so runners' clocks do not matter.

A statement that locks several rows locks jobs by (upload, id), each before its upload, or skips locked rows. That
avoids deadlocks, and a test checks every statement.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from job_runner.settings import MAX_CRASHES
from shared.database.connection import Connection, Record
from shared.errors import PermanentError

#: Bytes of a submission that a claim returns. A longer one is read when it is about to run (`submission_of`).
_SHORT: Final = 64 << 10
# CTEs are optimization fences: the planner cannot change that the rows are locked first, then updated.
_STATEMENT: Final = """
    WITH {taken}
    UPDATE job SET status = 'executing', attempt = attempt + 1, lease_id = gen_random_uuid(), started_at = now(),
        lease_expires_at = now() + make_interval(secs => :lease_seconds), turn = taken.turn,
        stop_reason = coalesce(stop_reason, quarantine.reason),
        -- Only a row that others wrote lacks one, and its mail needs a name of its own.
        request_id = coalesce(job.request_id, gen_random_uuid())
    FROM taken, uploads LEFT JOIN quarantine ON quarantine.sha256 = uploads.sha256
    WHERE job.id = taken.id AND uploads.id = job.upload
    RETURNING job.id, job.upload, job.owner, coalesce(uploads.email, '') AS email, job.request_id, job.attempt,
        CASE WHEN octet_length(job.job) <= {short} THEN job.job END AS job, job.lease_id, job.stop_reason,
        uploads.filename, quarantine.sha256 IS NOT NULL AS quarantined,
        extract(epoch FROM now() - job.run_after) AS waited_s
"""


def statement(taken: str) -> str:
    """Return the SQL that claims the jobs of `taken`: one or more CTEs, the last of which is `taken (id, turn)`."""
    return _STATEMENT.format(taken=taken, short=_SHORT)


#: A job that a claim may take: due, and no suspect (`job_runner.suspects`).
_DUE: Final = """
    status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL AND (crashes = 0 OR stop_reason IS NOT NULL)
"""
#: A suspect that is to run alone waits until all others have ended, so nothing else may begin.
_SOMETHING_RUNS_ALONE: Final = """
    EXISTS (SELECT FROM job WHERE crashes > 0 AND stop_reason IS NULL AND crashes >= :max_crashes
        AND status IN ('none-executed', 'executing') AND (status = 'executing' OR run_after <= now()))
"""
# A claim has two levels (docs/adr/0094). The lowest turns say how many jobs of which key are next; the lowest places
# say which jobs of that key. If these are not the jobs that had the turns, the two swap turns, so a key keeps its
# turns. Rows that another runner holds are skipped, so no claim waits. A key's own turns are locked, so there are
# always jobs for them.
_CLAIM: Final = statement(f"""
    due AS MATERIALIZED (
        SELECT id, owner, turn FROM job
        WHERE {_DUE}
            AND NOT {_SOMETHING_RUNS_ALONE}
        ORDER BY turn, id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), chosen AS MATERIALIZED (
        SELECT next.id, share.owner, next.turn
        FROM (SELECT owner, count(*) AS turns FROM due GROUP BY owner) AS share
        CROSS JOIN LATERAL (
            SELECT id, turn FROM job WHERE {_DUE} AND owner = share.owner
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
    ), taken AS (
        SELECT chosen.id, coalesce(swapped.turn, chosen.turn) AS turn
        FROM chosen LEFT JOIN swapped ON swapped.id = chosen.id
    )
""")  # noqa: S608  (no value of anybody's)


#: Jobs at the front of the queue that an express claim searches. The first job of a new key is among them.
_FRONT: Final = 200
_EXPRESS: Final = statement(f"""
    front AS MATERIALIZED (
        SELECT id, owner FROM job WHERE {_DUE} AND NOT {_SOMETHING_RUNS_ALONE} ORDER BY turn, id LIMIT {_FRONT}
    ), taken AS MATERIALIZED (
        SELECT job.id, job.turn FROM job JOIN front USING (id)
        WHERE front.owner <> ALL(CAST(:busy AS bigint[])) AND job.status = 'none-executed'
        ORDER BY job.turn, job.id LIMIT 1 FOR UPDATE OF job SKIP LOCKED
    )
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job under our lease. `attempt` counts this try (from 1); `job` is the JSON text that the consumer wrote, or
    None when it is long.

    `waited_s` is how long it had been due. A job with a `stop_reason` must not run: it fails, and its recipient gets a
    mail. It is `quarantined` if another request would change nothing. `owner` is the key that submitted it, 0 if there
    is none. `filename` is the sender's own name of the source.
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
    quarantined: bool = False
    owner: int = 0
    filename: str | None = None


async def claim(
    connection: Connection, *, limit: int, lease_seconds: float, max_crashes: int = MAX_CRASHES
) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, keys in turn and within a key its senders, under a lease that only we hold."""
    rows = await connection.fetch_all(
        _CLAIM, {"limit": limit, "lease_seconds": lease_seconds, "max_crashes": max_crashes}
    )
    return [claimed(row) for row in rows]


async def claim_express(
    connection: Connection, *, busy: Collection[int], lease_seconds: float, max_crashes: int = MAX_CRASHES
) -> list[ClaimedJob]:
    """Take one due job of a key that is not among the `busy` ones, if such a job is near the front (docs/adr/0098)."""
    values = {"busy": list(busy), "lease_seconds": lease_seconds, "max_crashes": max_crashes}
    return [claimed(row) for row in await connection.fetch_all(_EXPRESS, values)]


def claimed(row: Record) -> ClaimedJob:
    """Return the job of a row that `statement` returned."""
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
        row["owner"],
        row["filename"],
    )


async def submission_of(connection: Connection, job_id: int) -> bytes:
    """Return the JSON text of a job as UTF-8 bytes, because a `str` may take four times the memory."""
    row = await connection.fetch_one("SELECT convert_to(job, 'UTF8') AS job FROM job WHERE id = :id", {"id": job_id})
    if row is None or row["job"] is None:
        raise PermanentError("its submission is missing")
    submission: bytes = row["job"]
    return submission


async def seconds_until_due(connection: Connection) -> float | None:
    """Return the seconds until the next claim: 0 when a job is due; None when none waits.

    A suspect may be due and still have to wait for others, so runners check for it a few times a second.
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


async def retry_later(connection: Connection, lease_id: UUID, *, delay: float, reason: str) -> None:
    """Hand a job back, due again in `delay` seconds; the attempt is charged. The sender sees the reason meanwhile."""
    await connection.execute(
        "UPDATE job SET status = 'none-executed', run_after = now() + make_interval(secs => :delay),"
        " failure = :reason, lease_id = NULL, lease_expires_at = NULL"
        " WHERE lease_id = :lease_id AND status = 'executing'",
        {"lease_id": lease_id, "delay": delay, "reason": reason},
    )


async def notify(connection: Connection) -> None:
    """Wake the runners."""
    await connection.execute("SELECT pg_notify('precieux_jobs', '')")
