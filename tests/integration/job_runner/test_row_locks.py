"""Outcomes of several jobs lock their rows in one order, so that they cannot deadlock.

`tests/unit/test_lock_order.py` reads the order of single statements.
"""

import asyncio
from collections.abc import Sequence

from job_runner.emails.texts.result_mail import render
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.finish import JobResult, finish
from job_runner.verdict.outcome import decide
from shared.adapters.database.connection import Database
from shared.engine_api.codex import RunResponse, Verdict
from tests.factories import BRANDING
from tests.integration.rows import add_job, execute, somebody_waits
from tests.waiting import eventually


async def end(database: Database, jobs: Sequence[ClaimedJob]) -> None:
    outcome = decide(RunResponse(timeStamp=1, status=200, output="out", verdict=Verdict.OK))
    async with database.transaction() as connection:
        results = [JobResult(job, outcome, render(job, outcome, BRANDING)) for job in jobs]
        assert all(await finish(connection, results))


async def test_what_waits_for_the_first_row_holds_no_other(database: Database) -> None:
    """In the order of its call, or of the ids of jobs, it would hold a row that others need next."""
    for _ in range(2):
        await add_job(database)
    # The older job is that of the younger upload, so ids and uploads are in opposite orders.
    await execute(
        database,
        "UPDATE job SET upload = other.upload, request_id = other.request_id"
        " FROM (SELECT id, upload, NULL::uuid AS request_id FROM job) AS other WHERE other.id <> job.id",
    )
    async with database.transaction() as connection:
        jobs = await claim.claim(connection, limit=2, lease_seconds=60)
    first, second = sorted(jobs, key=lambda job: job.upload)
    assert first.id > second.id
    lock = "SELECT FROM job WHERE id = :id FOR UPDATE NOWAIT"
    async with asyncio.TaskGroup() as group, database.transaction() as connection:
        await connection.execute(lock, {"id": first.id})
        group.create_task(end(database, [second, first]))
        await eventually(lambda: somebody_waits(database), what="the other one waits")
        await connection.execute(lock, {"id": second.id})
