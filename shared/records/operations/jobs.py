"""Reads and changes jobs for the operator. Each function works in the caller's transaction."""

from datetime import datetime
from typing import Any, Final

from shared.adapters.broker import outbox
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Record
from shared.common.service.errors import PrecieuxError
from shared.records.operations.job_state import FINAL, JobState

#: The reason in the mail of a cancelled job.
CANCELLED: Final = "the operator of this service cancelled it"

# A job with a `stop_reason` was stopped on purpose, or stopped an engine or a runner.
_RETRY_FAILED: Final = f"""
    WITH failed AS MATERIALIZED (
        SELECT uploads.id FROM uploads JOIN job ON job.upload = uploads.id
        WHERE job.status = 'failed' AND job.finished_at >= :since AND job.stop_reason IS NULL
            AND uploads.request_id IS NULL AND uploads.runs <= job.number
            AND (uploads.enable = 0 OR uploads.spec IS NOT NULL)
        ORDER BY uploads.id FOR NO KEY UPDATE OF uploads
    ), requested AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now(), runs = runs + 1, outcome = NULL,
            verdict = NULL
        FROM failed WHERE uploads.id = failed.id RETURNING uploads.id, request_id
    ), queued AS ({outbox.adding("requested")} RETURNING id)
    SELECT count(*) AS jobs FROM queued
"""  # noqa: S608  (constants)

_LIST: Final = """
    SELECT job.id, job.upload, uploads.email, job.status, job.attempt, job.crashes,
        results.verdict, job.failure, mail.status AS mail, job.created_at, job.finished_at
    FROM job LEFT JOIN uploads ON uploads.id = job.upload LEFT JOIN results ON results.job = job.id
    LEFT JOIN LATERAL (SELECT status FROM emails WHERE emails.job = job.id ORDER BY id DESC LIMIT 1) mail ON true
    WHERE job.status = coalesce(CAST(:state AS text), job.status)
        AND (CAST(:email AS text) IS NULL OR lower(uploads.email) = lower(:email))
    ORDER BY job.id DESC LIMIT :limit
"""
_DETAILS: Final = """
    SELECT job.id, job.upload, uploads.email, uploads.language, uploads.filename, job.status,
        CASE WHEN uploads.spec IS NULL THEN uploads.enable END AS enable, job.stop_reason,
        job.failure, job.attempt, job.crashes, job.crashed_at, uploads.sha256, job.request_id,
        job.lease_expires_at, job.run_after, job.created_at, job.started_at, job.finished_at,
        results.verdict, results.exit_code, results.signal, results.time_s, results.wall_s, results.memory_bytes,
        results.truncated, results.output_key
    FROM job LEFT JOIN uploads ON uploads.id = job.upload LEFT JOIN results ON results.job = job.id
    WHERE job.id = :id
"""
_MAILS: Final = """
    SELECT kind, status, attempt, run_after, sent_at, message_id, provider_id, last_error FROM emails
    WHERE job = :id ORDER BY id
"""
_RUNNING: Final = """
    SELECT job.id, job.upload, uploads.email, uploads.language, uploads.filename, job.attempt, job.started_at,
        extract(epoch FROM now() - job.started_at) AS seconds, lease_expires_at < now() AS is_lost
    FROM job LEFT JOIN uploads ON uploads.id = job.upload
    WHERE job.status = 'executing' ORDER BY job.started_at, job.id LIMIT :limit
"""
_FAILED: Final = """
    SELECT job.id, job.upload, uploads.email, uploads.language, uploads.filename, job.failure, job.attempt,
        job.finished_at,
        uploads.request_id IS NULL AND uploads.runs <= job.number AS is_last
    FROM job LEFT JOIN uploads ON uploads.id = job.upload
    WHERE job.status = 'failed' AND job.finished_at > now() - interval '1 day'
    ORDER BY job.finished_at DESC, job.id DESC LIMIT :limit
"""
_LOCK: Final = "SELECT upload, number, status, stop_reason, lease_id FROM job WHERE id = :id FOR UPDATE"
_MAKE_DUE: Final = "UPDATE job SET run_after = now() WHERE id = :id"
_CANCEL: Final = f"""
    UPDATE job SET stop_reason = coalesce(stop_reason, :reason), status = 'none-executed', run_after = now(),
        lease_id = NULL, lease_expires_at = NULL
    WHERE id = :id
    RETURNING pg_notify('{channels.SUBMISSIONS}', CAST(upload AS text))
"""  # noqa: S608  (constants)
_LOCK_UPLOAD: Final = """
    SELECT enable, request_id, runs, spec IS NULL AS is_classic FROM uploads WHERE id = :id FOR UPDATE
"""
_REQUEST_AGAIN: Final = f"""
    WITH requested AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now(), runs = runs + 1, outcome = NULL,
            verdict = NULL
        WHERE id = :id RETURNING id, request_id
    ) {outbox.adding("requested")}
"""  # noqa: S608


async def listed(
    connection: Connection, *, state: JobState | None = None, email: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return the latest jobs, the newest first, each with its verdict and the status of its mail."""
    rows = await connection.fetch_all(_LIST, {"state": state, "email": email, "limit": limit})
    return [dict(row) for row in rows]


async def details(connection: Connection, job_id: int) -> dict[str, Any]:
    """Return all fields of one job, without its program and output."""
    row = await connection.fetch_one(_DETAILS, {"id": job_id})
    if row is None:
        raise _unknown(job_id)
    mails = await connection.fetch_all(_MAILS, {"id": job_id})
    return {**row, "mails": [dict(mail) for mail in mails]}


async def running(connection: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the jobs that run now, the oldest first. The runner of one that `is_lost` has been silent for a lease."""
    rows = await connection.fetch_all(_RUNNING, {"limit": limit})
    return [dict(row) for row in rows]


async def failed(connection: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the jobs of the last day that could not be run, the newest first.

    `is_last` says that its submission has not been requested again since.
    """
    rows = await connection.fetch_all(_FAILED, {"limit": limit})
    return [dict(row) for row in rows]


async def retry(connection: Connection, job_id: int) -> str:
    """Make a waiting job due now, or request a failed one again. Return a sentence about what was done."""
    job = await _locked(connection, job_id)
    match JobState(job["status"]):
        case JobState.NONE_EXECUTED if job["stop_reason"] is None:
            await connection.execute(_MAKE_DUE, {"id": job_id})
            await connection.notify(channels.JOBS)
            return f"Job {job_id} is due now."
        case JobState.NONE_EXECUTED:
            raise PrecieuxError(f"Job {job_id} is about to fail ({job['stop_reason']}); retry it after that.")
        case JobState.EXECUTING:
            raise PrecieuxError(f"Job {job_id} is being executed; a failed attempt is repeated automatically.")
        case JobState.EXECUTED:
            raise PrecieuxError(f"Job {job_id} was executed and its verdict was mailed; there is nothing to retry.")
        case JobState.FAILED | JobState.CANCELLED:
            return await _request_again(connection, job_id, job["upload"], job["number"])


async def retry_failed(connection: Connection, since: datetime) -> int:
    """Request again what could not be run since then, and return how many that were.

    What was stopped on purpose, or stopped an engine or a runner, is left alone.
    """
    return int(await connection.fetch_value(_RETRY_FAILED, {"since": since}))


async def cancel(connection: Connection, job_id: int) -> str:
    """Cancel a job that has not ended. Return a sentence about what was done.

    A runner that has the job loses its lease, kills the program, and can write no outcome. The next runner that claims
    the job fails it and writes the mail.
    """
    job = await _locked(connection, job_id)
    if job["status"] in FINAL:
        raise PrecieuxError(f"Job {job_id} is {job['status']} already, so it cannot be cancelled.")
    await connection.execute(_CANCEL, {"id": job_id, "reason": CANCELLED})
    if job["lease_id"] is not None:
        await connection.notify(channels.CANCELLATIONS, str(job["lease_id"]))
    await connection.notify(channels.JOBS)
    return f"Job {job_id} is cancelled. Its recipient gets a mail."


async def _locked(connection: Connection, job_id: int) -> Record:
    """Return a job that no one else can change before the transaction ends."""
    job = await connection.fetch_one(_LOCK, {"id": job_id})
    if job is None:
        raise _unknown(job_id)
    return job


async def _request_again(connection: Connection, job_id: int, upload_id: int, number: int) -> str:
    """Make a new request, because the old one has ended and was mailed."""
    upload = await connection.fetch_one(_LOCK_UPLOAD, {"id": upload_id})
    if upload is None or (upload["enable"] != 0 and upload["is_classic"]):
        raise PrecieuxError(f"Submission {upload_id} of job {job_id} is blocked, so it cannot be requested again.")
    if upload["request_id"] is not None:
        raise PrecieuxError(f"Submission {upload_id} of job {job_id} is requested again already.")
    if number < upload["runs"]:
        # The submission has the input, arguments and limits of its last run only.
        raise PrecieuxError(
            f"Job {job_id} is run {number} of submission {upload_id}, which has run again since: retry the job of its"
            " last run, or request another run."
        )
    await connection.execute(_REQUEST_AGAIN, {"id": upload_id})
    return f"Job {job_id} stays as it is; its submission {upload_id} is requested again, which makes a new job."


def _unknown(job_id: int) -> PrecieuxError:
    return PrecieuxError(f"There is no job {job_id}: see `precieux jobs list`.")
