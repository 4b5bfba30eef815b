"""The end of a batch on a real Postgres: once, with its webhook and its digests."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from job_runner.batches.finisher import BatchFinisher
from job_runner.emails.sending.sender import MailSender
from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.digest import render_digest
from job_runner.emails.texts.templating import RenderedEmail
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.storage.signing import LinkSigner
from shared.records.resources.links import Links
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.mails import COMPLETION, ScriptedMailer
from tests.integration.loops import looping
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import add
from tests.waiting import eventually

BRANDING = Branding("example.com", Links(LinkSigner(b"k" * 32, "https://judge.example.edu")))


class CountedBatches(BatchFinisher):
    """Counts how often it looks for batches that have ended."""

    looks = 0

    async def run_once(self, among: Collection[int] | None = None) -> int | None:
        self.looks += 1
        return await super().run_once(among)


def batches_of(database: Database, *, poll_interval: float = 3600) -> CountedBatches:
    return CountedBatches(database, BRANDING, poll_interval=poll_interval)


async def add_batch(
    database: Database,
    emails: Sequence[str | None],
    *,
    digest: bool = False,
    digest_to: str | None = None,
    webhook_url: str | None = None,
    outcome: str | None = None,
    locale: str = "en",
) -> int:
    """Add a batch with a submission for each address; with an `outcome`, all of them have ended."""
    [batch] = await fetch(
        database,
        "INSERT INTO batches (digest, digest_to, webhook_url) VALUES (:digest, :digest_to, :webhook_url) RETURNING id",
        digest=digest,
        digest_to=digest_to,
        webhook_url=webhook_url,
    )
    for number, email in enumerate(emails):
        await add(
            database,
            email=email,
            filename=f"file{number}.py",
            batch=batch["id"],
            request_id=None if outcome else str(uuid.uuid4()),
            outcome=outcome,
            spec=json.dumps({"locale": locale}),
        )
    return int(batch["id"])


async def end_one(database: Database, batch: int) -> None:
    """End one submission of the batch, and notify, as the runner does."""
    async with owner_of(database).transaction() as connection:
        await connection.execute(
            "UPDATE uploads SET request_id = NULL, outcome = 'finished', verdict = 'ok'"
            " WHERE id = (SELECT min(id) FROM uploads WHERE batch = :batch AND outcome IS NULL)",
            {"batch": batch},
        )
        await connection.execute(
            "SELECT pg_notify(:channel, :batch)", {"channel": channels.BATCHES, "batch": str(batch)}
        )


async def is_finished(database: Database, batch: int) -> bool:
    rows = await fetch(database, "SELECT finished_at IS NOT NULL AS is_finished FROM batches WHERE id = :id", id=batch)
    return bool(rows[0]["is_finished"])


@asynccontextmanager
async def running(batches: CountedBatches) -> AsyncIterator[None]:
    """Run the loop while the block runs, which begins when the loop listens: then it looks a second time."""
    async with looping(batches.run):
        await eventually(lambda: batches.looks >= 2, what="it listens")
        yield


async def test_a_batch_ends_with_its_last_submission(database: Database) -> None:
    batch = await add_batch(database, [None, None])
    batches = batches_of(database)
    await end_one(database, batch)
    assert await batches.run_once() is None
    await end_one(database, batch)
    assert await batches.run_once({batch + 1}) is None
    assert await batches.run_once() == batch
    assert await batches.run_once() is None
    assert await is_finished(database, batch)


async def test_a_notification_finishes_a_batch(database: Database) -> None:
    batch, other = await add_batch(database, [None]), await add_batch(database, [None])
    async with running(batches_of(database)):
        await end_one(database, batch)
        await eventually(lambda: is_finished(database, batch))
    assert not await is_finished(database, other)


async def test_an_ended_batch_is_found_without_a_notification(database: Database) -> None:
    """A runner may die between the notification and the end."""
    async with running(batches_of(database, poll_interval=0.1)):
        batch = await add_batch(database, [None], outcome="failed")
        await eventually(lambda: is_finished(database, batch))


async def test_the_streams_are_notified(database: Database) -> None:
    batch = await add_batch(database, [None], outcome="finished")
    heard: list[str] = []
    async with database.listen(channels.BATCHES, heard.append):
        await eventually(lambda: heard == [""])
        await batches_of(database).run_once()
        await eventually(lambda: heard == ["", str(batch)])


async def test_each_address_gets_one_digest(database: Database) -> None:
    emails = ["a@example.com", "b@example.com", "A@example.com", None]
    batch = await add_batch(database, emails, digest=True, outcome="cancelled", locale="fa")
    await batches_of(database).run_once()
    rows = await fetch(database, "SELECT * FROM emails ORDER BY recipient")
    assert [(row["recipient"], row["kind"], row["batch"], row["locale"], row["status"]) for row in rows] == [
        ("a@example.com", "digest", batch, "fa", "queued"),
        ("b@example.com", "digest", batch, "fa", "queued"),
    ]
    texts = [str(row["text"]) for row in rows]
    assert [[name in text for name in ("file0", "file1", "file2", "file3")] for text in texts] == [
        [True, False, True, False],
        [False, True, False, False],
    ]


async def test_one_address_gets_a_digest_of_all(database: Database) -> None:
    batch = await add_batch(database, ["a@example.com", None], digest_to="t@example.com", outcome="finished")
    await batches_of(database).run_once()
    [row] = await fetch(database, "SELECT recipient, batch, text FROM emails")
    assert (row["recipient"], row["batch"]) == ("t@example.com", batch)
    assert "file0" in str(row["text"])
    assert "file1" in str(row["text"])


async def test_a_digest_is_sent(database: Database) -> None:
    batch = await add_batch(database, ["a@example.com"], digest=True, outcome="finished")
    await batches_of(database).run_once()
    mailer = ScriptedMailer()
    sender = MailSender(database, mailer, replace(COMPLETION, branding=BRANDING), poll_interval=3600)
    await sender.run_once()
    [mail] = mailer.sent
    assert (mail.recipient, mail.subject) == ("a@example.com", f"Batch {batch}: 0 of 1 submission succeeded")
    assert "https://judge.example.edu/unsubscribe?" in mail.text
    assert [row["status"] for row in await fetch(database, "SELECT status FROM emails")] == ["sent"]


async def test_a_digest_that_cannot_be_rendered_holds_up_no_other_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(batch: int, *args: Any, **options: Any) -> RenderedEmail:
        if batch == broken:
            raise RuntimeError("a defect")
        return render_digest(batch, *args, **options)

    monkeypatch.setattr("job_runner.batches.finisher.render_digest", render)
    broken, following = [
        await add_batch(database, ["a@example.com"], digest=True, outcome="finished") for _ in range(2)
    ]
    finisher = batches_of(database)
    assert [await finisher.run_once() for _ in range(3)] == [broken, following, None]
    mails = await fetch(database, "SELECT batch, status, last_error FROM emails ORDER BY batch")
    assert [tuple(mail.values()) for mail in mails] == [
        (broken, "refused", "an internal error (RuntimeError)"),
        (following, "queued", None),
    ]


async def test_a_batch_without_digest_sends_none(database: Database) -> None:
    await add_batch(database, ["a@example.com"], outcome="finished")
    await batches_of(database).run_once()
    assert await fetch(database, "SELECT 1 FROM emails") == []


async def test_many_runners_end_each_batch_once(database: Database, other_databases: list[Database]) -> None:
    for number in range(20):
        await add_batch(database, [f"{number}@example.com"], digest=True, outcome="finished", webhook_url="http://x/")

    async def finish_all(each: Database) -> list[int]:
        finished = []
        while (batch := await batches_of(each).run_once()) is not None:
            finished.append(batch)
        return finished

    finished = await asyncio.gather(*(finish_all(each) for each in [database, *other_databases] * 2))
    assert sum(map(len, finished)) == 20
    assert len(await fetch(database, "SELECT 1 FROM emails")) == 20
    assert len(await fetch(database, "SELECT 1 FROM webhooks")) == 20


async def test_nothing_is_written_if_a_mail_cannot_be(database: Database) -> None:
    """The end, the webhook and the digests are one transaction."""
    batch = await add_batch(database, ["a@example.com"], digest=True, outcome="finished", webhook_url="http://x/")
    await execute(database, "ALTER TABLE emails ADD CONSTRAINT none CHECK (kind <> 'digest')")
    with pytest.raises(Exception, match="none"):
        await batches_of(database).run_once()
    assert not await is_finished(database, batch)
    assert await fetch(database, "SELECT 1 FROM webhooks") == []
