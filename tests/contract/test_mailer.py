"""Every mailer (`job_runner.emails.mailers.base`) hands mails over whole, and its errors have their kind."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from job_runner.emails.mailers.base import AttachedFile, Mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.files import FileMailer
from job_runner.emails.mailers.mailgun import MailgunMailer
from job_runner.emails.mailers.smtp import SmtpMailer
from tests.factories import make_email
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.smtp_server import SmtpServer

HEADERS = (
    "Auto-Submitted",
    "Content-Language",
    "In-Reply-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "References",
    "Reply-To",
)
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
    #: Every other header that a test looks at, by its name.
    headers: dict[str, str | None]
    #: The attached files: their names, content types and bytes.
    files: list[tuple[str, str, bytes]]


@dataclass
class Rig:
    """A mailer and its provider."""

    mailer: Mailer
    received: Callable[[], list[Received]]
    #: Make the provider refuse the next mail for good, or ask for patience; None if it cannot.
    refuse: Callable[[], None] | None = None
    delay: Callable[[], None] | None = None
    blame_account: Callable[[], None] | None = None
    #: Make the provider take the next mail, and lose its answer.
    lose_answer: Callable[[], None] | None = None
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
    assert mail.headers["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "name",
    [
        "main-output.txt",
        "خروجی برنامه.txt",
        'quo"te; filename=other.exe',
        "back\\slash.txt",
        "%41.txt",
        "é" * 80,
    ],
)
async def test_files_arrive_whole_under_any_name(rig: Rig, mailer: Mailer, name: str) -> None:
    output = bytes(range(256)) * 300 + b"\r\n.\r\n\0 \n"
    table = "request,file\r\n1,پرونده\r\n".encode()
    files = (
        AttachedFile(name, "text/plain; charset=utf-8", output),
        AttachedFile("batch-5.csv", "text/csv; charset=utf-8", table),
        AttachedFile("empty.txt", "text/plain; charset=utf-8", b""),
    )
    email = replace(make_email(text="سلام", html="<p>سلام</p>"), attachments=files)
    await mailer.send(email)

    (mail,) = rig.received()
    assert (mail.text.strip(), mail.html.strip()) == (email.text, email.html)
    # A form's name has %22 for a quotation mark (WHATWG, multipart/form-data).
    names = [received.replace("%22", '"') for received, _, _ in mail.files]
    assert names == [name, "batch-5.csv", "empty.txt"]
    assert [(kind, data) for _, kind, data in mail.files] == [
        ("text/plain; charset=utf-8", output),
        ("text/csv; charset=utf-8", table),
        ("text/plain; charset=utf-8", b""),
    ]


async def test_a_mail_has_its_conversation_and_its_way_out(rig: Rig, mailer: Mailer) -> None:
    email = replace(
        make_email(),
        unsubscribe="https://example.com/unsubscribe?email=a&signature=b",
        references=("<batch-5@example.com>", "<submission-42@example.com>"),
        reply_to="help@example.com",
        locale="fa",
    )
    await mailer.send(email)
    (mail,) = rig.received()
    assert mail.headers == {
        "Auto-Submitted": "auto-generated",
        "Content-Language": "fa",
        "In-Reply-To": "<submission-42@example.com>",
        "List-Unsubscribe": "<https://example.com/unsubscribe?email=a&signature=b>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "References": "<batch-5@example.com> <submission-42@example.com>",
        "Reply-To": "help@example.com",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Result\r\nBcc: everyone@example.com"},
        {"subject": "Result\nX: y"},
        {"message_id": "<a@b>\r\nBcc: everyone@example.com"},
        {"recipient": "a@example.com\nBcc: everyone@example.com"},
        {"text": "a lone surrogate \ud800"},
        {"references": ("<a@b>\r\nBcc: everyone@example.com",)},
        {"reply_to": "a@example.com\r\nBcc: everyone@example.com"},
        {"locale": "en\r\nBcc: everyone@example.com"},
        {"attachments": (AttachedFile("a\r\nBcc: everyone@example.com", "text/plain", b""),)},
        {"attachments": (AttachedFile("\ud800", "text/plain", b""),)},
    ],
    ids=lambda fields: str(fields)[:60],
)
async def test_text_that_breaks_out_of_the_mail_is_not_sent(rig: Rig, mailer: Mailer, fields: dict[str, Any]) -> None:
    with pytest.raises(MailRefused):
        await mailer.send(replace(make_email(), **fields))
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
async def test_a_delay_of_the_provider_takes_no_mail(rig: Rig, mailer: Mailer) -> None:
    assert rig.delay is not None
    rig.delay()
    email = make_email()
    with pytest.raises(MailerUnavailable) as caught:
        await mailer.send(email)
    assert not caught.value.uncertain
    rig.recover()
    await mailer.send(email)
    assert [mail.message_id for mail in rig.received()] == [email.message_id]


@providers
async def test_a_mail_may_have_left_if_its_answer_is_lost(rig: Rig, mailer: Mailer) -> None:
    assert rig.lose_answer is not None
    rig.lose_answer()
    with pytest.raises(MailerUnavailable) as caught:
        await mailer.send(make_email())
    assert caught.value.uncertain
    assert len(rig.received()) == 1


async def test_a_fault_of_the_account_pauses_the_mailer(rig: Rig, mailer: Mailer) -> None:
    assert rig.blame_account is not None
    rig.blame_account()
    with pytest.raises(MailerUnavailable) as caught:
        await mailer.send(make_email())
    assert caught.value.blame in (Blame.ACCOUNT, Blame.PROVIDER)


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
                headers={name: mail.fields[f"h:{name}"] for name in HEADERS if f"h:{name}" in mail.fields},
                files=[(file.filename, file.content_type, file.data) for file in mail.files],
            )
            for mail in server.accepted
        ]

    mailer = MailgunMailer(url=server.url, domain=server.domain, api_key=server.api_key, sender=SENDER)
    return Rig(
        mailer,
        received,
        refuse=lambda: server.fail(400),
        delay=lambda: server.fail(429),
        lose_answer=lambda: server.fail(500, accepts=True),
        blame_account=lambda: server.fail(401),
    )


def _smtp(server: SmtpServer) -> Rig:
    def received() -> list[Received]:
        mails = [_from_message(envelope.message) for envelope in server.accepted]
        assert [mail.recipients for mail in mails] == [envelope.recipients for envelope in server.accepted]
        return mails

    return Rig(
        SmtpMailer(f"smtp://127.0.0.1:{server.port}", SENDER),
        received,
        refuse=lambda: server.replies.update(RCPT="550 5.1.1 no such user"),
        delay=lambda: server.replies.update(RCPT="451 4.7.1 greylisted"),
        blame_account=lambda: server.replies.update(MAIL="530 5.7.0 authentication required"),
        lose_answer=lambda: server.replies.update(CONTENT=""),
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
        headers={name: str(message[name]) for name in HEADERS if name in message},
        files=[_file(part) for part in message.iter_attachments()],
    )


def _file(part: EmailMessage) -> tuple[str, str, bytes]:
    assert not part.defects
    assert part.get_content_disposition() == "attachment"
    name, data = part.get_filename(), part.get_payload(decode=True)
    assert name is not None
    assert isinstance(data, bytes)
    charset = part.get_content_charset()
    return name, f"{part.get_content_type()}; charset={charset}", data
