"""The lease protocol on a real Postgres."""

import asyncio
import json
import math
import uuid
from typing import Any

import pytest

from job_runner.emails.texts.result_mail import render
from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.finish import JobResult, finish
from job_runner.verdict.outcome import StoredFiles, decide, give_up
from shared.adapters.database.connection import Database
from shared.common.service.errors import PermanentError
from shared.engine_api.codex import RunResponse, Verdict
from tests.factories import BRANDING
from tests.integration.rows import add_job, execute, fetch


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 0.0)


async def take(database: Database, limit: int = 10, lease_seconds: float = 30) -> list[ClaimedJob]:
    """Claim as a runner does: an interrupted job that may run, and others."""
    one = await poison_jobs.claim_alone(database, lease_seconds=lease_seconds, grace=0)
    async with database.transaction() as connection:
        return one + await claim.claim(connection, limit=limit, lease_seconds=lease_seconds)


async def complete(database: Database, job: ClaimedJob, verdict: Verdict = Verdict.OK) -> bool:
    outcome = decide(RunResponse(timeStamp=1, status=200, output="out\0put", verdict=verdict))
    email = render(job, outcome, BRANDING)
    async with database.transaction() as connection:
        [ours] = await finish(connection, [JobResult(job, outcome, email, StoredFiles("k", "l"))])
        return ours


async def state(database: Database, job: int) -> dict[str, Any]:
    return (await fetch(database, "SELECT * FROM job WHERE id = :id", id=job))[0]


async def expire(database: Database, job: int) -> None:
    await execute(database, "UPDATE job SET lease_expires_at = now() - interval '1 second' WHERE id = :id", id=job)


async def rescue(database: Database) -> list[int]:
    async with database.transaction() as connection:
        return await poison_jobs.rescue(connection)


async def test_the_job_text_is_cleared_only_after_an_execution(
    database: Database,
) -> None:
    executed, failed = await add_job(database), await add_job(database)
    jobs = {job.id: job for job in await take(database)}
    assert await complete(database, jobs[executed])
    outcome = give_up("the engine is gone")
    email = render(jobs[failed], outcome, BRANDING)
    async with database.transaction() as connection:
        assert await finish(connection, [JobResult(jobs[failed], outcome, email)]) == [True]
    assert (await state(database, executed))["job"] is None
    assert (await state(database, failed))["job"] == jobs[failed].job


async def test_a_claim_skips_jobs_that_another_transaction_locks(database: Database) -> None:
    first, second = await add_job(database), await add_job(database)
    async with database.transaction() as connection:
        held = await claim.claim(connection, limit=1, lease_seconds=30)
        # Another task has another connection: without SKIP LOCKED it would wait for this transaction without end.
        other = await asyncio.wait_for(asyncio.create_task(take(database)), timeout=10)
    assert [job.id for job in held] == [first]
    assert [job.id for job in other] == [second]


async def test_only_endings_without_a_lease_are_dropped(database: Database) -> None:
    for _ in range(4):
        await add_job(database)
    jobs = await take(database)
    await expire(database, jobs[1].id)
    await rescue(database)
    outcome = decide(RunResponse(timeStamp=1, status=200, output="out", verdict=Verdict.OK))
    results = [JobResult(job, outcome, render(job, outcome, BRANDING)) for job in jobs]
    async with database.connection() as connection:
        assert await finish(connection, results[::-1]) == [True, True, False, True]
    done = await fetch(database, "SELECT job FROM results JOIN emails USING (job) ORDER BY job")
    assert [row["job"] for row in done] == sorted(job.id for job in jobs if job is not jobs[1])


async def test_foreign_rows_get_an_identity_or_are_skipped(database: Database) -> None:
    """The original's consumer wrote jobs without a request, and could write one without an upload."""
    await execute(database, "INSERT INTO job (upload, job) VALUES (NULL, '{}')")
    whole = await add_job(database)
    await execute(database, "UPDATE job SET request_id = NULL")
    await execute(database, "UPDATE uploads SET email = NULL")
    [job] = await take(database, limit=1)
    assert job.id == whole
    assert isinstance(job.request_id, uuid.UUID)
    assert (await state(database, whole))["request_id"] == job.request_id
    assert await complete(database, job)
    async with database.transaction() as connection:
        assert (await claim.next_due(connection))[0] == math.inf


async def test_a_claim_reads_long_submissions_only_when_they_run(database: Database) -> None:
    await add_job(database)
    await add_job(database, contents="é\n" * 40_000)
    short, long = await take(database)
    assert short.job is not None
    assert json.loads(short.job)["contents"] == "print(1)"
    assert long.job is None
    async with database.connection() as connection:
        submission = json.loads(await claim.submission_of(connection, long.id))
    assert submission == {"language": "python", "inputs": "in", "contents": "é\n" * 40_000}


async def test_a_job_without_a_submission_cannot_be_run(database: Database) -> None:
    job = await add_job(database)
    await execute(database, "UPDATE job SET job = NULL WHERE id = :id", id=job)
    async with database.connection() as connection:
        with pytest.raises(PermanentError, match="missing"):
            await claim.submission_of(connection, job)
