"""The mails that the API asks for, which the runner renders and sends."""

import asyncio
import math
from pathlib import Path

import pytest

from job_runner.emails.sending.pending_mails import PendingMails
from job_runner.emails.sending.sender import MailSender
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.factories import BRANDING
from tests.integration.job_runner.mails import COMPLETION, SIGNER, ScriptedMailer, add_email, order
from tests.integration.loops import looping
from tests.integration.rows import add_job, add_upload, fetch
from tests.waiting import eventually


@pytest.fixture
def pending(database: Database, tmp_path: Path) -> PendingMails:
    return PendingMails(database, LocalStore(tmp_path, SIGNER), BRANDING)


@pytest.fixture
def sender(database: Database, mailer: ScriptedMailer, pending: PendingMails) -> MailSender:
    return MailSender(database, mailer, COMPLETION, poll_interval=3600, render_pending=pending.render)


async def test_a_receipt_is_rendered_and_sent(database: Database, sender: MailSender, mailer: ScriptedMailer) -> None:
    await add_job(database)
    job = await add_job(database)
    [row] = await fetch(database, "SELECT upload FROM job WHERE id = :job", job=job)
    [upload] = await fetch(database, "SELECT id, email FROM uploads WHERE id = :id", id=row["upload"])
    number = int(upload["id"])
    mail = await order(database, "receipt", upload=number, locale="fa")
    async with looping(sender.run):
        await eventually(lambda: len(mailer.sent) == 1)
    [sent] = mailer.sent
    assert (sent.recipient, 'dir="rtl"' in sent.html) == (upload["email"], True)
    assert BRANDING.links.page(number) in sent.text
    [stored] = await fetch(database, "SELECT id, status, message_id, updated_at >= created_at AS touched FROM emails")
    assert stored == {"id": mail, "status": "sent", "message_id": sent.message_id, "touched": True}


async def test_a_mail_that_is_not_rendered_is_not_sent(database: Database, mailer: ScriptedMailer) -> None:
    sender = MailSender(database, mailer, COMPLETION, poll_interval=3600)
    await order(database, "receipt", upload=await add_upload(database))
    assert await sender.run_once() == math.inf
    assert mailer.sent == []


async def test_a_full_queue_holds_up_no_mail_that_is_to_be_rendered(database: Database, sender: MailSender) -> None:
    await order(database, "receipt", upload=await add_upload(database))
    for _ in range(20):
        await add_email(database)
    await sender.run_once()
    assert await fetch(database, "SELECT FROM emails WHERE message_id IS NULL") == []


@pytest.mark.parametrize("kind", ["receipt", "result"])
async def test_a_mail_about_nothing_is_refused(
    database: Database, sender: MailSender, mailer: ScriptedMailer, kind: str
) -> None:
    await order(database, kind, upload=99, job=None)
    await sender.run_once()
    [row] = await fetch(database, "SELECT status, last_error FROM emails")
    assert row == {"status": "refused", "last_error": "its submission was deleted"}
    assert mailer.sent == []


async def test_a_failed_statement_holds_up_no_other_mail(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    """Such as one that stores a Message-ID for the second time, or any other defect of ours."""
    upload = await add_upload(database)
    for receipt in (upload, upload, await add_upload(database)):
        await order(database, "receipt", upload=receipt)
    await sender.run_once()
    await sender.run_once()
    rows = await fetch(database, "SELECT status, last_error FROM emails ORDER BY id")
    assert rows == [
        {"status": "sent", "last_error": None},
        {"status": "refused", "last_error": "an internal error (UniqueViolationError)"},
        {"status": "sent", "last_error": None},
    ]


async def test_many_runners_render_each_mail_once(
    database: Database, other_databases: list[Database], tmp_path: Path
) -> None:
    for _ in range(30):
        await order(database, "receipt", upload=await add_upload(database))
    runners = [PendingMails(each, LocalStore(tmp_path, SIGNER), BRANDING) for each in other_databases]

    async def drain(runner: PendingMails) -> int:
        rendered = 0
        while number := await runner.render():
            rendered += number
        return rendered

    assert sum(await asyncio.gather(*map(drain, runners))) == 30
    assert await fetch(database, "SELECT id FROM emails WHERE message_id IS NULL") == []
