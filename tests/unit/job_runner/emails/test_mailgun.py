"""The meaning of each of Mailgun's answers, over a test's transport."""

import asyncio
from collections.abc import AsyncIterator, Callable
from email.headerregistry import Address

import httpx
import pytest

from job_runner.emails.mailers import mailgun as mailgun_module
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.mailgun import MailgunMailer
from tests.factories import make_email
from tests.fixtures.mailgun_server import MailgunServer

SENDER = Address("Precieux", "results", "example.com")


def mailer(answer: Callable[[httpx.Request], httpx.Response]) -> MailgunMailer:
    return MailgunMailer(
        url="https://api.example.com/",
        domain="mg.example.com",
        api_key="key-secret",
        sender=SENDER,
        transport=httpx.MockTransport(answer),
    )


async def send(response: httpx.Response) -> str:
    mailgun = mailer(lambda _: response)
    try:
        return await mailgun.send(make_email())
    finally:
        await mailgun.close()


async def test_the_request_is_as_in_mailguns_documentation() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"id": "<1@mg.example.com>", "message": "Queued. Thank you."})

    mailgun = mailer(answer)
    assert await mailgun.send(make_email("a@example.com", message_id="<precieux.1@x>")) == "<1@mg.example.com>"
    await mailgun.close()

    (request,) = requests
    fields = dict(httpx.QueryParams(request.content.decode()))
    assert (request.method, str(request.url)) == ("POST", "https://api.example.com/v3/mg.example.com/messages")
    assert request.headers["Authorization"] == httpx.BasicAuth("api", "key-secret")._auth_header
    assert fields["from"] == "Precieux <results@example.com>"
    assert fields["to"] == "a@example.com"
    assert fields["h:Message-Id"] == "<precieux.1@x>"
    assert fields.keys() == {
        "from", "to", "subject", "text", "html", "h:Message-Id", "h:Auto-Submitted", "h:Content-Language"
    }  # fmt: skip


async def test_no_output_becomes_a_variable_of_mailgun(mailgun: MailgunServer) -> None:
    shown = (
        "%unsubscribe_url% %tag_unsubscribe_url% %mailing_list_unsubscribe_url% %mailing_list.name% %recipient%"
        " %recipient.name% %recipient_email% %%recipient%% %RECIPIENT% %a%recipient%a%"
    )
    link = "http://api/unsubscribe?email=%C3%A9%25recipient%25%40example.com"
    no_variables = "100% of %d %s and 5 %, % recipient%, %20%unsubscribe"
    client = MailgunMailer(url=mailgun.url, domain=mailgun.domain, api_key=mailgun.api_key, sender=SENDER)
    html = f'<pre>{shown}</pre><a href="{link}">x</a>{no_variables}'
    await client.send(make_email(text=f"{shown} {link} {no_variables}", html=html))
    await client.close()

    (mail,) = mailgun.accepted
    for part in (mail.fields["text"], mail.fields["html"]):
        assert shown in part.replace("\N{WORD JOINER}", "")
        assert link in part
        assert no_variables in part


async def test_an_endless_answer_is_cut_off() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 100 << 20:
            read += 1 << 14
            yield b"x" * (1 << 14)

    assert await send(httpx.Response(200, content=endless())) == ""
    with pytest.raises(MailRefused):
        await send(httpx.Response(400, content=endless()))
    assert read < 1 << 20


@pytest.mark.parametrize(
    ("statuses", "kind", "blame", "sentence"),
    [
        ((400, 413), MailRefused, Blame.MAIL_OR_ACCOUNT, "to parameter is not a valid address"),
        ((401, 402, 403), MailerUnavailable, Blame.ACCOUNT, "PRECIEUX_MAILGUN_API_KEY"),
        ((404,), MailerUnavailable, Blame.ACCOUNT, "PRECIEUX_MAILGUN_URL to its region"),
        ((301, 302, 405, 418), MailerUnavailable, Blame.ACCOUNT, "PRECIEUX_MAILGUN_URL"),
        ((408, 429, 500, 502, 503, 504, 599), MailerUnavailable, Blame.PROVIDER, "is unavailable"),
    ],
)
async def test_a_status_says_what_it_blames(
    statuses: tuple[int, ...], kind: type[MailRefused | MailerUnavailable], blame: Blame, sentence: str
) -> None:
    """Only Mailgun's own error may come after the mail has left: a gateway that finds no server hands nothing over."""
    for status in statuses:
        elsewhere = {"Location": "https://elsewhere.example.com/"}
        answer = httpx.Response(status, json={"message": "to parameter is not a valid address"}, headers=elsewhere)
        with pytest.raises(kind, match=sentence) as caught:
            await send(answer)
        assert vars(caught.value).get("blame") == blame
        assert vars(caught.value).get("uncertain", False) is (status in (500, 599))
        for secret in ("key-secret", "someone-"):
            assert secret not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"OK", b"\xff\xfe", b"[]", b"null", b'{"message": "Queued."}', b'{"id": 7}'])
async def test_an_accepted_mail_is_sent_whatever_the_body_says(body: bytes) -> None:
    assert await send(httpx.Response(200, content=body)) == ""


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "breaks"])
async def test_a_body_that_does_not_end_changes_no_answer(hangs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: otherwise, a mail that Mailgun has accepted would be sent again."""
    monkeypatch.setattr(mailgun_module, "_READ_SECONDS", 0.01)

    async def cut() -> AsyncIterator[bytes]:
        yield b'{"message": "Que'
        if hangs:
            await asyncio.Event().wait()
        raise httpx.ReadError("reset by the other side")

    async with asyncio.timeout(10):
        assert await send(httpx.Response(200, content=cut())) == ""
        with pytest.raises(MailRefused):
            await send(httpx.Response(400, content=cut()))


async def test_a_mail_whose_time_ends_within_the_body_is_sent() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(0.1):
        assert await send(httpx.Response(200, content=endless())) == ""


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.PoolTimeout])
async def test_a_broken_connection_is_an_error_to_try_again(error: type[httpx.TransportError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("no luck", request=request)

    mailgun = mailer(fail)
    with pytest.raises(MailerUnavailable, match=error.__name__) as caught:
        await mailgun.send(make_email())
    await mailgun.close()
    is_before = error in (httpx.ConnectError, httpx.PoolTimeout)
    assert (caught.value.blame, caught.value.uncertain) == (Blame.PROVIDER, not is_before)
