"""The rows that the end of a job writes in addition to its result, with the runner's rights."""

from typing import Any

import pytest

from job_runner.emails.texts.templating import RenderedEmail
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.finish import JobResult, finish
from job_runner.verdict.outcome import Outcome, decide, give_up
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.engine_api.codex import RunResponse, Verdict
from tests.integration.rows import add_job, execute, fetch, notified
from tests.waiting import eventually

GOOD = decide(RunResponse(timeStamp=1, status=200, output="1", verdict=Verdict.OK))


async def claimed(database: Database, **columns: Any) -> ClaimedJob:
    """Return a job under our lease, whose submission has these columns."""
    await add_job(database)
    for name, value in columns.items():
        await execute(database, f"UPDATE uploads SET {name} = :value", value=value)
    async with database.connection() as connection:
        [job] = await claim.claim(connection, limit=1, lease_seconds=60)
    return job


async def end(database: Database, job: ClaimedJob, outcome: Outcome = GOOD) -> bool:
    email = RenderedEmail("subject", "text", "html", f"<{job.request_id}@example.com>")
    async with database.connection() as connection:
        [is_written] = await finish(connection, [JobResult(job, outcome, email)])
    return is_written


@pytest.mark.parametrize(
    ("outcome", "end_state", "event"),
    [
        (GOOD, {"outcome": "finished", "verdict": "ok"}, "submission.finished"),
        (give_up("why"), {"outcome": "failed", "verdict": None}, "submission.failed"),
    ],
)
async def test_the_end_is_in_the_submission_and_its_webhook(
    database: Database, outcome: Outcome, end_state: dict[str, Any], event: str
) -> None:
    await execute(database, "INSERT INTO api_keys (id, name, sha256) VALUES (5, 'a', 'a')")
    job = await claimed(database, webhook_url="https://example.com/hook", owner=5)
    async with (
        notified(database, channels.SUBMISSIONS) as submissions,
        notified(database, channels.WEBHOOKS) as webhooks,
        notified(database, channels.EMAILS) as emails,
        notified(database, channels.BATCHES) as batches,
    ):
        assert await end(database, job, outcome)
        await eventually(lambda: (submissions, webhooks, emails) == ([str(job.upload)], [""], [""]))
    assert batches == []
    assert await fetch(database, "SELECT outcome, verdict FROM uploads") == [end_state]
    assert await fetch(database, "SELECT owner, upload, run, type, url FROM webhooks") == [
        {"owner": 5, "upload": job.upload, "run": 1, "type": event, "url": "https://example.com/hook"}
    ]
    assert not await end(database, job, outcome)
    assert len(await fetch(database, "SELECT FROM webhooks")) == 1


async def test_a_receiver_that_is_gone_gets_no_webhook(database: Database) -> None:
    job = await claimed(database, webhook_url="https://example.com/")
    await execute(
        database,
        "INSERT INTO webhooks (upload, run, type, url, status) VALUES (:upload, 0, 'submission.failed', '', 'gone')",
        upload=job.upload,
    )
    assert await end(database, job)
    assert len(await fetch(database, "SELECT FROM webhooks")) == 1


async def test_without_a_recipient_and_a_url_nobody_is_told(database: Database) -> None:
    job = await claimed(database, email=None)
    async with (
        notified(database, channels.SUBMISSIONS) as submissions,
        notified(database, channels.EMAILS) as emails,
        notified(database, channels.WEBHOOKS) as webhooks,
    ):
        assert await end(database, job)
        await eventually(lambda: submissions == [str(job.upload)])
    assert (emails, webhooks) == ([], [])
    assert await fetch(database, "SELECT FROM emails UNION ALL SELECT FROM webhooks") == []


@pytest.mark.parametrize(
    ("digest", "finished", "mails"), [("true", "NULL", 0), ("true", "now()", 1), ("false", "NULL", 1)]
)
async def test_a_digest_takes_the_place_of_the_mails_of_its_batch(
    database: Database, digest: str, finished: str, mails: int
) -> None:
    await execute(database, f"INSERT INTO batches (id, digest, finished_at) VALUES (9, {digest}, {finished})")
    job = await claimed(database, batch=9)
    async with notified(database, channels.BATCHES) as batches:
        assert await end(database, job)
        await eventually(lambda: batches == ["9"])
    assert len(await fetch(database, "SELECT FROM emails")) == mails


async def test_a_mail_has_its_submission_and_locale(database: Database) -> None:
    job = await claimed(database)
    await execute(database, """UPDATE uploads SET spec = '{"locale": "fa"}'""")
    assert await end(database, job)
    assert await fetch(database, "SELECT upload, locale FROM emails") == [{"upload": job.upload, "locale": "fa"}]


async def test_an_earlier_run_does_not_replace_a_later_end(database: Database) -> None:
    """A foreign message may make a second run while the first is under way."""
    job = await claimed(database, runs=2, outcome="failed")
    assert await end(database, job)
    assert await fetch(database, "SELECT outcome, verdict, request_id FROM uploads") == [
        {"outcome": "failed", "verdict": None, "request_id": None}
    ]


async def test_claims_and_releases_are_notified(database: Database) -> None:
    async with notified(database, channels.SUBMISSIONS) as payloads:
        job = await claimed(database)
        await eventually(lambda: payloads == [str(job.upload)])
        async with database.connection() as connection:
            await claim.release(connection, job.lease_id)
            await claim.release(connection, job.lease_id)
        await eventually(lambda: payloads == [str(job.upload)] * 2)
        async with database.connection() as connection:
            [job] = await claim.claim(connection, limit=1, lease_seconds=60)
            await claim.retry_later(connection, job.lease_id, delay=1, reason="why")
        await eventually(lambda: payloads == [str(job.upload)] * 4)


async def test_the_webhook_of_a_client_of_judge0_is_a_callback(database: Database) -> None:
    job = await claimed(database, webhook_url="https://example.com/hook")
    await execute(
        database, "INSERT INTO judge0_submissions (upload, request) VALUES (:upload, '{}')", upload=job.upload
    )
    assert await end(database, job)
    assert await fetch(database, "SELECT type FROM webhooks") == [{"type": "judge0.callback"}]
