"""Mails, and a mailer that the test plays."""

import asyncio
import uuid
from collections.abc import Callable
from email.headerregistry import Address
from pathlib import Path
from typing import cast

from job_runner.emails.mailers.base import Email
from job_runner.emails.mailers.files import FileMailer
from job_runner.emails.sending.complete import MailCompletion
from job_runner.emails.texts.footer import Footer
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.signing import LinkSigner
from tests.factories import BRANDING
from tests.integration.fake_store import FakeStore
from tests.integration.rows import add_job, execute, fetch

SIGNER = LinkSigner(b"k" * 32, "http://api")
FOOTER = Footer("Precieux <results@example.com>", "abuse@example.com")
#: Its store has no files.
COMPLETION = MailCompletion(BRANDING, FOOTER, cast("ObjectStore", FakeStore()))


class ScriptedMailer:
    """Fails as given, then accepts every mail but those that `refuse` names. Holds all while `open` is not set."""

    #: Its id of a mail, with the mail's number in it.
    answer = "id-{}"

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.refuse: Callable[[Email], Exception | None] = lambda _: None
        self.sent: list[Email] = []
        self.open = asyncio.Event()
        self.open.set()
        self.called = False

    async def send(self, email: Email) -> str:
        self.called = True
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        if error := self.refuse(email):
            raise error
        self.sent.append(email)
        return self.answer.format(len(self.sent))

    async def forget(self, *, days: int) -> None:
        pass

    async def close(self) -> None:
        pass


async def add_email(database: Database, recipient: str = "someone@example.com") -> str:
    """Queue a mail; return its Message-ID."""
    message_id = f"<{uuid.uuid4()}@example.com>"
    await execute(
        database,
        "INSERT INTO emails (job, kind, recipient, subject, text, html, message_id)"
        " VALUES (:job, 'result', :recipient, 'subject', 'text', 'html', :message_id)",
        job=await add_job(database),
        recipient=recipient,
        message_id=message_id,
    )
    await execute(database, "SELECT pg_notify(:channel, '')", channel=channels.EMAILS)
    return message_id


async def order(database: Database, kind: str, *, upload: int, job: int | None = None, locale: str = "en") -> int:
    """Order a mail as the API does; return its id."""
    [row] = await fetch(
        database,
        "INSERT INTO emails (job, kind, upload, locale) VALUES (:job, :kind, :upload, :locale)"
        " RETURNING id, pg_notify(:channel, '')",
        job=job,
        kind=kind,
        upload=upload,
        locale=locale,
        channel=channels.EMAILS,
    )
    return int(row["id"])


MAILER = FileMailer(Path("/nonexistent"), Address("", "results", "example.com"))
