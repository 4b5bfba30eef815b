"""The lease protocol on `job` rows: claim, heartbeat, hand back. `leases.poison_jobs` handles interrupted jobs.

Every write after the claim says `WHERE lease_id = :lease_id`, so a runner that has lost its lease (paused, cut off,
thought dead) changes nothing. All times are the database's, so the runners' clocks do not matter.

A statement that locks several rows locks jobs by (upload, id), each before its upload, or skips locked rows. That
avoids deadlocks, and a test checks every statement.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Record
from shared.common.service.errors import PermanentError
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.codex import ALONE
from shared.engine_api.run_time import RunTime
from shared.records.operations.job_state import RESULT_WAITS

#: Bytes of the longest submission that a claim returns. A longer one is read right before its run (`submission_of`).
_SHORT: Final = 64 << 10
#: What a run by API v1 needs of its submission, as JSON text (`shared.engine_api.job_program`).
_PROGRAM: Final = """
    CAST(jsonb_build_object('id', uploads.id, 'spec', spec, 'filename', filename,
        'object_key', object_key, 'sha256', uploads.sha256, 'expected_output', expected_output, 'tests', tests,
        'override', override, 'problem_version', problem_version,
        'variant_of', (SELECT details ->> 'language' FROM languages WHERE languages.code = uploads.language),
        'bounds', (SELECT details -> 'limits' FROM languages WHERE languages.code = uploads.language)) AS text)
"""
#: True for a submission of API v1, and for a classic one that is run with other input, arguments or limits.
_HAS_PROGRAM: Final = "(spec IS NOT NULL OR coalesce(override, '{}') <> '{}')"
# Materialized CTEs are optimization fences: Postgres locks their rows before it updates them.
_STATEMENT: Final = """
    WITH {taken}, cleared AS (
        -- Tests of an earlier attempt.
        DELETE FROM test_results USING taken WHERE test_results.job = taken.id
    )
    UPDATE job SET status = 'executing', attempt = attempt + 1, lease_id = gen_random_uuid(), started_at = now(),
        lease_expires_at = now() + make_interval(secs => :lease_seconds), turn = taken.turn,
        -- A row that another program wrote may lack one, but its mail needs a unique Message-ID.
        request_id = coalesce(job.request_id, gen_random_uuid())
    FROM taken, uploads
    WHERE job.id = taken.id AND uploads.id = job.upload
    RETURNING job.id, job.upload, job.owner, job.number, coalesce(job.requested_at, job.created_at) AS requested_at,
        spec IS NULL AS is_classic, coalesce(spec ->> 'locale', 'en') AS locale, job.request_id, job.attempt,
        job.crashes, coalesce(uploads.language, '') AS language, coalesce(uploads.email, '') AS recipient,
        CASE WHEN octet_length(job.job) <= {short} THEN job.job END AS job, job.lease_id, job.stop_reason,
        uploads.filename,
        CAST(extract(epoch FROM now() - job.run_after) AS float8) AS waited_s, {has_program} AS has_program,
        CASE WHEN {has_program} AND coalesce(pg_column_size(tests), 0) + coalesce(pg_column_size(override), 0)
            + coalesce(pg_column_size(expected_output), 0) <= {short} THEN {program} END AS program,
        pg_notify('{submissions}', CAST(job.upload AS text)),
        CASE WHEN uploads.batch IS NOT NULL THEN pg_notify('{batches}', CAST(uploads.batch AS text)) END
"""


def statement(taken: str) -> str:
    """Return the SQL that claims the jobs of `taken`: one or more CTEs, the last of which is `taken (id, turn)`."""
    return _STATEMENT.format(
        taken=taken,
        short=_SHORT,
        has_program=_HAS_PROGRAM,
        program=_PROGRAM,
        submissions=channels.SUBMISSIONS,
        batches=channels.BATCHES,
    )


#: A job whose run was interrupted (`job_runner.leases.poison_jobs`).
INTERRUPTED: Final = "crashes > 0 AND stop_reason IS NULL"
WAITING_INTERRUPTED: Final = f"{INTERRUPTED} AND status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL"
#: The seconds from an interruption to the next run alone, so that other jobs get their turn. They double with each
#: culprit of the last hour, up to five times: an engine that stops by itself then fails few programs. After a run alone
#: that has ended, the turn of the others is as long as that run was, but from a fifth of these seconds to all of them.
PAUSE_SECONDS: Final = 5.0
#: The time before which no interrupted job may begin.
PAUSE_END: Final = """(
    SELECT coalesce(greatest(
        max(greatest(crashed_at, CASE WHEN finished_at IS NULL THEN started_at END)) + make_interval(secs =>
            CAST(:pause AS float8) * 2.0 ^ least(5, count(*) FILTER (WHERE crashes > 1 AND stop_reason IS NOT NULL))),
        max(finished_at + least(make_interval(secs => CAST(:pause AS float8)),
            greatest(finished_at - started_at, make_interval(secs => CAST(:pause AS float8) / 5))))
    ), '-infinity')
    FROM job WHERE crashes > 0 AND crashed_at > now() - interval '1 hour'
)"""
#: A job that a claim may take: due, and no interrupted job.
_DUE: Final = """
    status = 'none-executed' AND run_after <= now() AND upload IS NOT NULL AND (crashes = 0 OR stop_reason IS NOT NULL)
"""
#: An interrupted job runs alone. It waits until all others have ended, so nothing else may begin.
_SOMETHING_RUNS_ALONE: Final = f"""(
    EXISTS (SELECT FROM job WHERE {INTERRUPTED} AND status = 'executing')
    OR EXISTS (SELECT FROM job WHERE {WAITING_INTERRUPTED} AND {PAUSE_END} <= now())
)"""  # noqa: S608  (constants)
# A claim has two steps (docs/adr/0007). The jobs with the lowest turns (`due`) decide how many jobs each key gets. The
# jobs of that key with the lowest places (`chosen`) are taken. A job that is only chosen swaps turns with one that is
# only due, so the key keeps its turns. Rows that another runner holds are skipped, so no claim waits. The due jobs are
# locked, so there are always enough jobs to choose.
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
        -- This limit removes no row. It tells the planner how few rows there are, which the limit inside does not.
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
""")  # noqa: S608  (constants)


#: Jobs at the front of the queue that a claim for a reserved slot searches. They include the first job of a new key.
_FRONT: Final = 200
_CLAIM_FOR_RESERVED_SLOT: Final = statement(f"""
    front AS MATERIALIZED (
        SELECT id, owner FROM job WHERE {_DUE} AND NOT {_SOMETHING_RUNS_ALONE} ORDER BY turn, id LIMIT {_FRONT}
    ), taken AS MATERIALIZED (
        SELECT job.id, job.turn FROM job JOIN front USING (id)
        WHERE front.owner <> ALL(CAST(:busy AS bigint[])) AND job.status = 'none-executed'
        ORDER BY job.turn, job.id LIMIT 1 FOR UPDATE OF job SKIP LOCKED
    )
""")  # noqa: S608


_READ_PROGRAM: Final = f"""
    SELECT convert_to({_PROGRAM}, 'UTF8') AS text FROM uploads JOIN job ON job.upload = uploads.id WHERE job.id = :id
"""  # noqa: S608
_READ_SOURCE: Final = "SELECT content FROM uploads WHERE id = :id"
_READ_SUBMISSION: Final = "SELECT convert_to(job, 'UTF8') AS text FROM job WHERE id = :id"
_NEXT_DUE: Final = f"""
    SELECT alone_after IS NOT NULL AS is_interrupted, coalesce(CAST(extract(epoch FROM least(run_after, CASE
            WHEN alone_after IS NOT NULL THEN greatest(alone_after, {PAUSE_END}, now() + interval '0.25 s')
        END) - now()) AS float8), 'Infinity') AS seconds
    FROM (SELECT
        (SELECT run_after FROM job
            WHERE status = 'none-executed' AND upload IS NOT NULL AND (crashes = 0 OR stop_reason IS NOT NULL)
            ORDER BY run_after LIMIT 1) AS run_after,
        (SELECT run_after FROM job
            WHERE {INTERRUPTED} AND status = 'none-executed' AND upload IS NOT NULL
            ORDER BY run_after LIMIT 1) AS alone_after) AS next
"""  # noqa: S608  (constants)
_NEXT_RETRY: Final = """
    SELECT coalesce(CAST(extract(epoch FROM min(run_after) - now()) AS float8), 'Infinity') FROM job
    WHERE status = 'none-executed' AND run_after > now()
"""
_HEARTBEAT: Final = """
    WITH held AS MATERIALIZED (
        SELECT id FROM job WHERE lease_id = ANY(:lease_ids) AND status = 'executing'
        ORDER BY upload, id FOR NO KEY UPDATE
    )
    UPDATE job SET lease_expires_at = now() + make_interval(secs => :lease_seconds)
    FROM held WHERE job.id = held.id RETURNING lease_id
"""
_KEEP_WAITING: Final = """
    UPDATE job SET failure = :reason WHERE lease_id = :lease_id AND status = 'executing' RETURNING id
"""
_RELEASE: Final = f"""
    UPDATE job SET status = 'none-executed', attempt = attempt - 1, crashed_at = coalesce(crashed_at, now()),
        lease_id = NULL, lease_expires_at = NULL
    WHERE lease_id = :lease_id AND status = 'executing'
    RETURNING pg_notify('{channels.SUBMISSIONS}', CAST(upload AS text))
"""  # noqa: S608  (constants)
_RETRY_LATER: Final = f"""
    UPDATE job SET status = 'none-executed', run_after = now() + make_interval(secs => :delay),
        attempt = attempt - :refund, failure = :reason, lease_id = NULL, lease_expires_at = NULL
    WHERE lease_id = :lease_id AND status = 'executing'
    RETURNING pg_notify('{channels.SUBMISSIONS}', CAST(upload AS text))
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job under our lease.

    `attempt` counts this try (from 1). `job` is the JSON text that the consumer wrote, or None if it is long.
    `waited_s` is how long the job had been due. A job with a `stop_reason` must not run: it fails, and its recipient
    gets a mail. `owner` is the key that submitted it, or 0 if there is none. `filename` is the sender's name of the
    source. If it has `crashes`, an engine or runner stopped while it ran.

    It is run `number` of its submission, which `is_classic` if `submit_email` has registered it. Its mail is written in
    `locale`.

    A job that `has_program` runs by `POST /run`. `program` is the JSON text that `ProgramRow` reads, or None if
    it is long.
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
    owner: int = 0
    filename: str | None = None
    has_program: bool = False
    program: str | None = None
    number: int = 1
    requested_at: datetime | None = None
    is_classic: bool = True
    locale: str = "en"
    language: str = ""
    crashes: int = 0
    run_time: RunTime = field(default_factory=RunTime, init=False, compare=False)

    @property
    def share(self) -> str:
        """Its share of the engine's slots. After a crash it runs alone."""
        return ALONE if self.crashes else f"key-{self.owner}"


class LeaseLost(Exception):
    """Another process has it by now, or it was cancelled: nothing of ours is written any more."""


async def claim(connection: Connection, *, limit: int, lease_seconds: float) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, each under a new lease. Keys take turns, and so do the senders of a key."""
    rows = await connection.fetch_all(_CLAIM, {"limit": limit, "lease_seconds": lease_seconds, "pause": PAUSE_SECONDS})
    return [job_of(row) for row in rows]


async def claim_for_reserved_slot(
    connection: Connection, *, busy: Collection[int], lease_seconds: float
) -> list[ClaimedJob]:
    """Take one due job of a key that is not among the `busy` ones, if such a job is near the front (docs/adr/0007)."""
    values = {"busy": list(busy), "lease_seconds": lease_seconds, "pause": PAUSE_SECONDS}
    return [job_of(row) for row in await connection.fetch_all(_CLAIM_FOR_RESERVED_SLOT, values)]


def job_of(row: Record) -> ClaimedJob:
    """Return the job of a row that `statement` returned."""
    return ClaimedJob(**{column.name: row[column.name] for column in fields(ClaimedJob) if column.init})


async def submission_of(connection: Connection, job_id: int) -> bytes:
    """Return the JSON text of a job as UTF-8 bytes, because a `str` may take four times the memory."""
    return await _text(connection, _READ_SUBMISSION, job_id)


async def program_of(connection: Connection, job_id: int) -> bytes:
    """Return the JSON text that `ProgramRow` reads, as UTF-8 bytes."""
    return await _text(connection, _READ_PROGRAM, job_id)


async def _text(connection: Connection, sql: str, job_id: int) -> bytes:
    row = await connection.fetch_one(sql, {"id": job_id})
    if row is None or row["text"] is None:
        raise PermanentError("its submission is missing")
    text: bytes = row["text"]
    return text


async def source_in_row(connection: Connection, upload: int) -> bytes | None:
    """Return the source that the row of a submission holds; None if it is in the object store."""
    content: bytes | None = await connection.fetch_value(_READ_SOURCE, {"id": upload})
    return content


async def next_due(connection: Connection) -> tuple[float, bool]:
    """Return the seconds until a job is due, infinity without one, and True if an interrupted job waits.

    That may have to wait for others, so it is looked for a few times a second.
    """
    [row] = await connection.fetch_all(_NEXT_DUE, {"pause": PAUSE_SECONDS})
    return row["seconds"], row["is_interrupted"]


async def seconds_until_retry(connection: Connection) -> float:
    """Return the seconds until the first job becomes due that is not due yet; infinity if there is none."""
    return float(await connection.fetch_value(_NEXT_RETRY))


async def heartbeat(connection: Connection, lease_ids: Sequence[UUID], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases, and return those that are still ours."""
    rows = await connection.fetch_all(_HEARTBEAT, {"lease_ids": list(lease_ids), "lease_seconds": lease_seconds})
    return {row["lease_id"] for row in rows}


async def keep_waiting(connection: Connection, lease_id: UUID, reason: str) -> bool:
    """Note why the outcome of a job cannot be stored yet. Return False if the lease is lost."""
    values = {"lease_id": lease_id, "reason": strip_nul(f"{RESULT_WAITS}: {reason}")}
    return await connection.fetch_one(_KEEP_WAITING, values) is not None


async def release(connection: Connection, lease_id: UUID) -> None:
    """Hand a job back as if it had never been claimed: a shutdown is not the job's fault.

    It may have stored something. `shared.records.resources.remove` looks for that, because the job was cut off once.
    """
    await connection.execute(_RELEASE, {"lease_id": lease_id})
    await connection.notify(channels.JOBS)


async def retry_later(
    connection: Connection, lease_id: UUID, *, delay: float, reason: str, is_charged: bool = True
) -> None:
    """Hand a job back, due again in `delay` seconds. Lists show the reason meanwhile.

    The attempt is charged unless something that no program can affect was away.
    """
    values = {"lease_id": lease_id, "delay": delay, "reason": strip_nul(reason), "refund": 0 if is_charged else 1}
    await connection.execute(_RETRY_LATER, values)
    # A runner looks again when the next job is due.
    await connection.notify(channels.JOBS)
