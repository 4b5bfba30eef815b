"""The use case: cancel submissions that have not ended. A webhook is sent, but no mail."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database, Record
from shared.common.service.logging import get_logger
from shared.records.judge0.callbacks import webhook_type
from shared.records.operations.job_state import FINAL, JobState

log = get_logger(__name__)

# Jobs are locked before their uploads, as everywhere (`job_runner.leases.claim`).
_LOCK_JOBS: Final = """
    SELECT job.id, job.request_id, job.lease_id, job.status
    FROM job JOIN uploads ON uploads.request_id = job.request_id WHERE uploads.id = ANY(:ids)
    ORDER BY job.upload, job.id FOR NO KEY UPDATE OF job
"""
_LOCK_UPLOADS: Final = """
    SELECT id, request_id, outcome FROM uploads WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
"""
_CANCEL_JOBS: Final = """
    WITH open AS MATERIALIZED (
        SELECT id FROM job WHERE id = ANY(:jobs) ORDER BY upload, id FOR NO KEY UPDATE
    )
    UPDATE job SET status = 'cancelled', lease_id = NULL, lease_expires_at = NULL, finished_at = now()
    FROM open WHERE job.id = open.id
"""
# The consumer has not made these jobs yet. When it comes to their requests, it finds them done.
_ADD_JOBS: Final = """
    INSERT INTO job (upload, request_id, status, owner, number, requested_at, finished_at)
    SELECT id, request_id, 'cancelled', coalesce(owner, 0), runs, requested_at, now()
    FROM uploads WHERE id = ANY(:ids) AND request_id IS NOT NULL ORDER BY id
    ON CONFLICT (request_id) DO NOTHING RETURNING id
"""
_CANCEL: Final = f"""
    WITH open AS MATERIALIZED (
        SELECT id FROM uploads WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
    ), cancelled AS (
        UPDATE uploads SET request_id = NULL, outcome = 'cancelled', verdict = NULL
        FROM open WHERE uploads.id = open.id
        RETURNING uploads.id, owner, runs, batch, webhook_url, pg_notify(:submissions, CAST(uploads.id AS text))
    ), announced AS (
        INSERT INTO webhooks (owner, upload, run, type, url)
        SELECT owner, id, runs, {webhook_type("cancelled.id", "'submission.cancelled'")}, webhook_url FROM cancelled
        WHERE webhook_url IS NOT NULL
            AND NOT EXISTS (SELECT FROM webhooks WHERE webhooks.upload = cancelled.id AND webhooks.status = 'gone')
        RETURNING pg_notify(:webhooks, '')
    )
    SELECT pg_notify(:batches, CAST(batch AS text)) FROM cancelled WHERE batch IS NOT NULL
"""  # noqa: S608  (constants)
_STOP_RUNS: Final = "SELECT pg_notify(:cancellations, lease) FROM unnest(CAST(:leases AS text[])) AS lease"


class _JustChanged(Exception):
    """The consumer has made a job since the jobs were locked."""


async def cancel(
    database: Database, uploads: Sequence[int], on_stored: Callable[[Connection], Awaitable[None]] | None = None
) -> list[int]:
    """Cancel those of the submissions that have not ended, in one transaction. Return their ids.

    A program that runs is killed by its runner. `on_stored` is called at the end of the transaction, if something was
    cancelled.
    """
    while True:
        try:
            async with database.transaction() as connection:
                cancelled = await _cancel(connection, uploads)
                if cancelled and on_stored is not None:
                    await on_stored(connection)
        except _JustChanged:
            continue
        for upload in cancelled:
            log.info("submission.cancelled", upload=upload)
        return cancelled


async def _cancel(connection: Connection, uploads: Sequence[int]) -> list[int]:
    jobs = {job["request_id"]: job for job in await connection.fetch_all(_LOCK_JOBS, {"ids": list(uploads)})}
    rows = await connection.fetch_all(_LOCK_UPLOADS, {"ids": list(uploads)})
    ids = [row["id"] for row in rows if row["request_id"] is not None or row["outcome"] is None]
    if not ids:
        return []
    made_jobs = [jobs[row["request_id"]] for row in rows if row["request_id"] in jobs]
    await _cancel_jobs(connection, made_jobs)
    waiting = [row["id"] for row in rows if row["request_id"] is not None and row["request_id"] not in jobs]
    if waiting and len(await connection.fetch_all(_ADD_JOBS, {"ids": waiting})) < len(waiting):
        raise _JustChanged
    names = {"submissions": channels.SUBMISSIONS, "webhooks": channels.WEBHOOKS, "batches": channels.BATCHES}
    await connection.execute(_CANCEL, {"ids": ids, **names})
    return ids


async def _cancel_jobs(connection: Connection, jobs: Sequence[Record]) -> None:
    if any(JobState(job["status"]) in FINAL for job in jobs):
        raise _JustChanged
    if jobs:
        await connection.execute(_CANCEL_JOBS, {"jobs": [job["id"] for job in jobs]})
    if leases := [str(job["lease_id"]) for job in jobs if job["lease_id"] is not None]:
        await connection.execute(_STOP_RUNS, {"cancellations": channels.CANCELLATIONS, "leases": leases})
