"""The SMTP mailer against a server: logging in, TLS, and servers that misbehave."""

import asyncio
import ssl
from contextlib import nullcontext
from dataclasses import replace
from email.headerregistry import Address
from pathlib import Path

import pytest

from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.smtp import SmtpMailer
from tests.factories import make_email
from tests.fixtures.certificates import write_certificate
from tests.fixtures.smtp_server import SmtpServer

SENDER = Address("Precieux", "results", "example.com")


def mailer(url: str, timeout: float = 5.0) -> SmtpMailer:
    return SmtpMailer(url, SENDER, timeout=timeout)


async def test_the_mailer_logs_in_and_sets_the_envelope_sender() -> None:
    async with SmtpServer(password="p/w") as server:
        answer = await mailer(f"smtp://someone:p%2Fw@127.0.0.1:{server.port}").send(make_email("a@example.com"))
    (envelope,) = server.accepted
    assert (envelope.user, envelope.sender, envelope.recipients) == (
        "someone",
        "results@example.com",
        ["a@example.com"],
    )
    assert "queued as 1" in answer


async def test_a_wrong_password_pauses_and_stays_secret() -> None:
    async with SmtpServer(password="right") as server:
        with pytest.raises(MailerUnavailable, match="PRECIEUX_SMTP_URL") as caught:
            await mailer(f"smtp://someone:wrong-pw@127.0.0.1:{server.port}").send(make_email())
    assert caught.value.blame is Blame.ACCOUNT
    assert "wrong-pw" not in str(caught.value)


@pytest.mark.parametrize(("scheme", "implicit_tls"), [("smtp", False), ("smtps", True)])
async def test_smtps_begins_with_tls_and_smtp_takes_starttls(
    tls: ssl.SSLContext, scheme: str, implicit_tls: bool
) -> None:
    async with SmtpServer(tls=tls, password="pw", implicit_tls=implicit_tls) as server:
        await mailer(f"{scheme}://someone:pw@127.0.0.1:{server.port}").send(make_email())
    assert [envelope.over_tls for envelope in server.accepted] == [True]


async def test_an_untrusted_certificate_is_refused(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with SmtpServer(tls=tls, implicit_tls=True) as server:
        with pytest.raises(MailerUnavailable):
            await mailer(f"smtps://127.0.0.1:{server.port}").send(make_email())
    assert server.accepted == []


async def test_a_recipient_beyond_ascii_needs_a_server_that_takes_it() -> None:
    email = make_email("jörg@example.com")
    async with SmtpServer() as able, SmtpServer(extensions=()) as unable:
        await mailer(f"smtp://127.0.0.1:{able.port}").send(email)
        with pytest.raises(MailRefused, match="beyond ASCII"):
            await mailer(f"smtp://127.0.0.1:{unable.port}").send(email)
    assert [envelope.recipients for envelope in able.accepted] == [["jörg@example.com"]]
    assert unable.accepted == []


async def test_a_server_that_reads_the_mail_first_gets_it_once() -> None:
    """RFC 5321 asks for ten minutes of patience after the content, because a repeat is another copy."""
    async with SmtpServer() as server:
        server.answers_after = 1.0
        await mailer(f"smtp://127.0.0.1:{server.port}", timeout=0.5).send(make_email())
    assert len(server.accepted) == 1


async def test_a_server_that_cannot_be_reached_has_no_copy() -> None:
    async with SmtpServer() as server:
        url = f"smtp://127.0.0.1:{server.port}"
    with pytest.raises(MailerUnavailable) as caught:
        await mailer(url).send(make_email())
    assert (caught.value.blame, caught.value.uncertain) == (Blame.PROVIDER, False)


async def test_a_server_that_can_report_is_asked_to(tls: ssl.SSLContext) -> None:
    email = replace(make_email(), message_id="<precieux.1@example.com>")
    long = replace(email, message_id=f"<precieux.1@{'a' * 90}.example>")
    async with (
        SmtpServer(extensions=("DSN",)) as plain,
        SmtpServer(extensions=("DSN",), tls=tls, implicit_tls=True) as encrypted,
    ):
        await SmtpMailer(f"smtp://127.0.0.1:{plain.port}", SENDER, return_path="bounces@example.com").send(email)
        await mailer(f"smtps://127.0.0.1:{encrypted.port}").send(long)
    assert plain.accepted[0].sender == "bounces@example.com"
    assert plain.accepted[0].options == ["RET=HDRS", "ENVID=precieux.1@example.com", "NOTIFY=FAILURE,DELAY"]
    assert encrypted.accepted[0].options == ["RET=HDRS", "NOTIFY=FAILURE,DELAY"]


async def test_a_server_that_cannot_report_is_not_asked(tls: ssl.SSLContext) -> None:
    async with SmtpServer() as plain, SmtpServer(tls=tls, implicit_tls=True) as old:
        old.replies["EHLO"] = "502 5.5.1 Command not implemented"
        await mailer(f"smtp://127.0.0.1:{plain.port}").send(make_email())
        await mailer(f"smtps://127.0.0.1:{old.port}").send(make_email())
    assert [one.options for one in (*plain.accepted, *old.accepted)] == [[], []]


@pytest.mark.parametrize("content", [None, "554 5.7.1 rejected as spam"], ids=["accepted", "refused"])
async def test_no_answer_to_quit_changes_what_became_of_a_mail(content: str | None) -> None:
    """P3: otherwise, an accepted mail would be sent again and again."""
    async with SmtpServer() as server, asyncio.timeout(10):
        server.replies["QUIT"] = ""
        if content is not None:
            server.replies["CONTENT"] = content
        with nullcontext() if content is None else pytest.raises(MailRefused, match="rejected as spam"):
            assert "queued as 1" in await mailer(f"smtp://127.0.0.1:{server.port}", timeout=60).send(make_email())


async def test_a_mail_whose_time_ends_within_quit_is_sent() -> None:
    """P3, as above."""
    async with SmtpServer() as server:
        server.replies["QUIT"] = ""
        async with asyncio.timeout(0.5):
            assert "queued as 1" in await mailer(f"smtp://127.0.0.1:{server.port}").send(make_email())


async def test_a_silent_server_is_unavailable_after_the_timeout() -> None:
    async def silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(30):
        with pytest.raises(MailerUnavailable) as caught:
            await mailer(f"smtp://127.0.0.1:{port}", timeout=0.3).send(make_email())
    assert caught.value.blame is Blame.PROVIDER
    server.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a server's TLS context; clients trust its certificate for 127.0.0.1 by `SSL_CERT_FILE`."""
    pem = tmp_path / "server.pem"
    write_certificate("127.0.0.1", pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
