"""Every mailer keeps the promises of `job_runner.mailers.base.Mailer`: mails arrive whole, errors have their kind."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest

from job_runner.mailers.base import Mailer
from job_runner.mailers.files import FileMailer
from job_runner.mailers.mailgun import MailgunMailer
from job_runner.mailers.smtp import SmtpMailer
from job_runner.mailers.smtp import SmtpServer as SmtpAddress
from shared.errors import MailerUnavailable, MailRefused
from tests.factories import make_email
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.smtp_server import SmtpServer

pytestmark = pytest.mark.contract

SENDER = Address("Précieux Results", "results", "example.com")


@dataclass
class Received:
    """A mail as the recipient's mail program shows it."""

    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    message_id: str
    auto_submitted: str


@dataclass
class Rig:
    """A mailer and its provider."""

    mailer: Mailer
    received: Callable[[], list[Received]]
    #: Make the provider refuse the next mail for good, or ask for patience; None if it cannot.
    refuse: Callable[[], None] | None = None
    delay: Callable[[], None] | None = None
    blame_account: Callable[[], None] | None = None
    recover: Callable[[], None] = lambda: None


@pytest.fixture(params=["files", "mailgun", "smtp"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    if request.param == "files":
        return _files(tmp_path / "outbox")
    if request.param == "mailgun":
        return _mailgun(request.getfixturevalue("mailgun"))
    return _smtp(request.getfixturevalue("smtp_server"))


#: A folder neither refuses a mail nor asks for patience.
providers = pytest.mark.parametrize("rig", ["mailgun", "smtp"], indirect=True)


@pytest.fixture
async def mailer(rig: Rig) -> AsyncIterator[Mailer]:
    yield rig.mailer
    await rig.mailer.close()


async def test_a_mail_arrives_whole(rig: Rig, mailer: Mailer) -> None:
    email = make_email(
        recipient="someone@example.com",
        subject="Successful Code result - 12 – سلام",
        text="خروجی:\n.\n..\nعدد 🎉\nlong " + "x" * 3000 + "\n",
        html="<p>خروجی <b>🎉</b></p>",
    )
    assert await mailer.send(email)

    (mail,) = rig.received()
    assert "results@example.com" in mail.sender
    assert "Précieux Results" in mail.sender
    assert mail.recipients == ["someone@example.com"]
    assert mail.subject == email.subject
    assert mail.text.strip() == email.text.strip()
    assert mail.html.strip() == email.html
    assert mail.message_id == email.message_id
    assert mail.auto_submitted == "auto-generated"


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Result\r\nBcc: everyone@example.com"},
        {"subject": "Result\nX: y"},
        {"message_id": "<a@b>\r\nBcc: everyone@example.com"},
        {"recipient": "a@example.com\nBcc: everyone@example.com"},
        {"recipient": "a@example.com, b@example.com"},
        {"recipient": "Name <a@example.com>"},
        {"recipient": "nobody"},
        {"recipient": ""},
        {"recipient": "a" * 310 + "@example.com"},
        {"text": "a lone surrogate \ud800"},
    ],
    ids=lambda fields: str(fields)[:60],
)
async def test_text_that_breaks_out_of_the_mail_is_not_sent(rig: Rig, mailer: Mailer, fields: dict[str, str]) -> None:
    with pytest.raises(MailRefused):
        await mailer.send(make_email(**fields))
    assert rig.received() == []


async def test_every_mail_has_its_own_id_at_the_provider(mailer: Mailer) -> None:
    assert await mailer.send(make_email()) != await mailer.send(make_email())


@pytest.mark.parametrize("rig", ["files"], indirect=True)
async def test_a_mail_sent_twice_lies_in_the_folder_once(rig: Rig, mailer: Mailer) -> None:
    first, again = make_email(text="first"), make_email(text="again")
    again = replace(again, message_id=first.message_id)
    assert await mailer.send(first) == await mailer.send(again)
    (mail,) = rig.received()
    assert mail.text.strip() == "again"


@providers
async def test_a_mail_that_the_provider_rejects_is_refused(rig: Rig, mailer: Mailer) -> None:
    assert rig.refuse is not None
    rig.refuse()
    with pytest.raises(MailRefused):
        await mailer.send(make_email())


@providers
async def test_a_provider_with_retry_after_does_not_pause_the_mailer(rig: Rig, mailer: Mailer) -> None:
    assert rig.delay is not None
    rig.delay()
    with pytest.raises(MailerUnavailable) as caught:
        await mailer.send(make_email())
    assert not caught.value.pause


async def test_a_fault_of_the_account_pauses_the_mailer(rig: Rig, mailer: Mailer) -> None:
    assert rig.blame_account is not None
    rig.blame_account()
    with pytest.raises(MailerUnavailable) as caught:
        await mailer.send(make_email())
    assert caught.value.pause


@providers
async def test_after_a_failure_the_next_mail_goes_through(rig: Rig, mailer: Mailer) -> None:
    assert rig.delay is not None
    rig.delay()
    email = make_email()
    with pytest.raises(MailerUnavailable):
        await mailer.send(email)
    rig.recover()
    await mailer.send(email)
    assert [mail.message_id for mail in rig.received()] == [email.message_id]


def _files(folder: Path) -> Rig:
    def received() -> list[Received]:
        files = sorted(folder.glob("*")) if folder.exists() else []
        return [_from_message(message_from_bytes(file.read_bytes(), policy=policy.default)) for file in files]

    def occupy() -> None:
        folder.touch()  # a file where the folder should be

    return Rig(FileMailer(folder, SENDER), received, blame_account=occupy)


def _mailgun(server: MailgunServer) -> Rig:
    def received() -> list[Received]:
        return [
            Received(
                sender=mail.fields["from"].replace('"', ""),
                recipients=mail.fields["to"].split(", "),
                subject=mail.fields["subject"],
                text=mail.fields["text"],
                html=mail.fields["html"],
                message_id=mail.fields["h:Message-Id"],
                auto_submitted=mail.fields["h:Auto-Submitted"],
            )
            for mail in server.accepted
        ]

    mailer = MailgunMailer(url=server.url, domain=server.domain, api_key=server.api_key, sender=SENDER)
    return Rig(
        mailer,
        received,
        refuse=lambda: server.fail(400),
        delay=lambda: server.fail(503),
        blame_account=lambda: server.fail(401),
    )


def _smtp(server: SmtpServer) -> Rig:
    def received() -> list[Received]:
        mails = [_from_message(envelope.message) for envelope in server.accepted]
        assert [mail.recipients for mail in mails] == [envelope.recipients for envelope in server.accepted]
        return mails

    address = SmtpAddress.from_url(f"smtp://127.0.0.1:{server.port}")
    return Rig(
        SmtpMailer(address, SENDER),
        received,
        refuse=lambda: server.replies.update(RCPT="550 5.1.1 no such user"),
        delay=lambda: server.replies.update(RCPT="451 4.7.1 greylisted"),
        blame_account=lambda: server.replies.update(MAIL="530 5.7.0 authentication required"),
        recover=server.replies.clear,
    )


def _from_message(message: EmailMessage) -> Received:
    assert not message.defects
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return Received(
        sender=str(message["From"]),
        recipients=[address.addr_spec for address in message["To"].addresses],
        subject=message["Subject"],
        text=plain.get_content().replace("\r\n", "\n"),
        html=html.get_content(),
        message_id=message["Message-ID"],
        auto_submitted=message["Auto-Submitted"],
    )
