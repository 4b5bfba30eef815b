"""The mailer over Mailgun's HTTP API (https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun).

Mailgun has no idempotency keys, and may have sent a mail although it answered 500. A repeat has the same Message-ID, by
which receivers recognise it. A gateway that finds no Mailgun behind it (502, 503, 504) has handed nothing over.
"""

import asyncio
import contextlib
import json
import re
from email.headerregistry import Address
from typing import Final

import httpx

from job_runner.emails.mailers.base import Email, Mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.message import extra_headers, parse_recipient, single_line
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Bytes of an answer's body that are read, and the most seconds. Mailgun's answers are short.
_MAX_ANSWER: Final = 64 << 10
_READ_SECONDS: Final = 5.0
#: Seconds to wait for the answer, after which the mail would be sent again.
_ANSWER_SECONDS: Final = 600.0
#: Statuses and errors after which Mailgun cannot have the mail.
_AWAY: Final = (408, 429, 502, 503, 504)
_BEFORE_SENDING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Texts that Mailgun replaces, such as `%unsubscribe_url%` and `%recipient.name%`. A percent sign before two hexadecimal
# digits belongs to a link (RFC 3986), and no name of Mailgun's begins with such digits.
_PLACEHOLDER: Final = re.compile(r"%(?![0-9A-Fa-f]{2})(?=[\w.-]+%)")


class MailgunMailer(Mailer):
    """Sends mails through Mailgun. `url` is that of the region, without a path; `transport` is for tests."""

    def __init__(
        self, *, url: str, domain: str, api_key: str, sender: Address, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = f"{url.rstrip('/')}/v3/{domain}/messages"
        self._domain = domain
        self._sender = sender
        self._client = httpx.AsyncClient(
            auth=("api", api_key),
            # A compressed answer could be longer than it looks.
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(30, connect=5, read=_ANSWER_SECONDS),
            transport=transport,
        )

    async def send(self, email: Email) -> str:
        """Return Mailgun's id of the mail. It is empty if Mailgun accepted the mail without an id."""
        fields = {
            "from": str(self._sender),
            "to": str(parse_recipient(email.recipient)),
            "subject": single_line(email.subject),
            "text": _inert(email.text),
            "html": _inert(email.html),
            "h:Message-Id": single_line(email.message_id),
            **{f"h:{name}": value for name, value in extra_headers(email).items()},
        }
        # With files, the body is multipart/form-data, as Mailgun wants it.
        files = [
            ("attachment", (single_line(file.filename), file.data, file.content_type)) for file in email.attachments
        ]
        try:
            async with self._client.stream("POST", self._url, data=fields, files=files or None) as response:
                answer = await _beginning(response)
        except httpx.HTTPError as exc:
            raise MailerUnavailable(
                f"Mailgun cannot be reached: {type(exc).__name__} {exc}.",
                blame=Blame.PROVIDER,
                uncertain=not isinstance(exc, _BEFORE_SENDING),
            ) from exc
        except UnicodeEncodeError as exc:  # a lone surrogate, which no form can hold
            raise MailRefused(f"The mail cannot be written: {exc}.") from exc
        if response.is_success:
            return _id_of(response, answer)
        raise self._failure(response, answer)

    async def close(self) -> None:
        await self._client.aclose()

    def _failure(self, response: httpx.Response, answer: bytes) -> MailerUnavailable | MailRefused:
        """Return the error for a status, as Mailgun documents it. An unknown status blames the URL."""
        status = response.status_code
        message = _message_of(answer)
        if status in (400, 413):
            return MailRefused(f"Mailgun refused the mail ({status}): {message}", blame=Blame.MAIL_OR_ACCOUNT)
        if status in _AWAY or status >= 500:
            text = f"Mailgun is unavailable ({status}): {message}"
            return MailerUnavailable(text, blame=Blame.PROVIDER, uncertain=status not in _AWAY)
        host = response.url.host
        text = f"The server at PRECIEUX_MAILGUN_URL ({host}) does not answer as Mailgun does ({status})."
        if status in (401, 402, 403):
            text = f"Mailgun refused the account ({status}): {message} Check PRECIEUX_MAILGUN_API_KEY and the account."
        elif status == 404:
            text = (
                f"Mailgun has no domain {self._domain} at {host}: check PRECIEUX_MAILGUN_DOMAIN, and set "
                "PRECIEUX_MAILGUN_URL to its region (the EU's is https://api.eu.mailgun.net)."
            )
        return MailerUnavailable(text, blame=Blame.ACCOUNT)


def _inert(text: str) -> str:
    """Put a word joiner, which a reader does not see, into each text that Mailgun would replace."""
    return _PLACEHOLDER.sub("%\N{WORD JOINER}", text)


async def _beginning(response: httpx.Response) -> bytes:
    """Return the first bytes of the body, or none if it is compressed, which we do not accept.

    The status says what became of the mail, so a body that breaks off changes nothing. Nor does a cancellation, by
    which the sender ends a mail that takes too long.
    """
    content = bytearray()
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return b""
    with contextlib.suppress(httpx.HTTPError, TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) >= _MAX_ANSWER:
                    break
    return bytes(content[:_MAX_ANSWER])


def _id_of(response: httpx.Response, answer: bytes) -> str:
    """Return the id in the answer, or an empty text: an error here would send the accepted mail again."""
    provider_id = _text_of(answer, "id")
    if provider_id is None:
        log.warning("mailgun.no_id", status=response.status_code)
    return (provider_id or "")[:500]


def _message_of(answer: bytes) -> str:
    return (_text_of(answer, "message") or answer[:800].decode("utf-8", "replace"))[:200]


def _text_of(answer: bytes, name: str) -> str | None:
    try:
        value = json.loads(answer)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None
