"""The mailer over SMTP (RFC 5321), by aiosmtplib. Each mail has its own connection.

A server that supports RFC 3461 is asked to report mails that are delayed or not delivered. The report is a mail to the
return path, which `precieux mail bounce` reads.
"""

import asyncio
import contextlib
import re
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponse,
    SMTPResponseException,
)
from aiosmtplib.typing import Default

from job_runner.emails.mailers.base import Email, Mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.message import parse_recipient, write_message
from shared.common.http.loopback import is_loopback

#: Characters of an envelope id (RFC 3461, section 4.4).
_MAX_ENVELOPE_ID: Final = 100
#: Seconds to wait for the answer to QUIT. It must not use up the time of a mail that was accepted.
_QUIT_SECONDS: Final = 1.0
#: Seconds to wait for the answer to the mail itself, after which it would be sent again (RFC 5321, section 4.5.3.2.6).
#: A server may look at its content first.
ANSWER_SECONDS: Final = 600.0
#: The enhanced code at the beginning of a reply (RFC 3463), without its class.
_ENHANCED: Final = re.compile(r"[45]\.(\d{1,3}\.\d{1,3})(?!\d)")
#: Codes of our address or quota, and all of security and policy. Greylisting and spam filters use the latter too.
_OF_ACCOUNT: Final = re.compile(r"4\.5|1\.(?:7|8|90)|7\.\d+")
#: Codes of the recipient's address and mailbox.
_OF_RECIPIENT: Final = re.compile(r"[12]\.\d+")


def server_of(url: str) -> dict[str, Any]:
    """Return how aiosmtplib reaches the server of a URL: `smtp://` (default port 587) or `smtps://` (465).

    The credentials in it are percent-encoded (RFC 3986). `start_tls` is True to require STARTTLS, None to use it if it
    is offered.
    """
    parts = urlsplit(url)
    use_tls = parts.scheme == "smtps"
    username = unquote(parts.username) if parts.username else None
    host = parts.hostname or "localhost"
    return {
        "hostname": host,
        "port": parts.port or (465 if use_tls else 587),
        "username": username,
        "password": unquote(parts.password or "") if username else None,
        "use_tls": use_tls,
        # An attacker in between can remove the offer of TLS, and a password must not leave the host without TLS.
        "start_tls": False if use_tls else True if username and not is_loopback(host) else None,
    }


class SmtpMailer(Mailer):
    """Sends mails by the SMTP server of a URL. Reports of mails that did not arrive go to `return_path`, by default
    to the sender.

    `timeout`, in seconds, bounds each exchange with the server but the last.
    """

    def __init__(self, url: str, sender: Address, *, return_path: str | None = None, timeout: float = 30.0) -> None:
        self._server = server_of(url)
        self._sender = sender
        self._return_path = return_path or sender.addr_spec
        self._timeout = timeout

    async def send(self, email: Email) -> str:
        """Return the server's reply on accepting the mail. Most servers name the entry of their queue there."""
        recipient = parse_recipient(email.recipient).addr_spec
        message = write_message(email, self._sender, datetime.now(UTC))
        # Only an address beyond ASCII needs RFC 6531.
        options = [] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        client = _Client(**self._server, local_hostname=self._sender.domain, timeout=self._timeout)
        try:
            await client.connect()
            wants_reports = await _reports(client)
            _, answer = await client.sendmail(
                self._return_path,
                recipient,
                message,
                mail_options=[*options, *(_report_options(email.message_id) if wants_reports else ())],
                rcpt_options=["NOTIFY=FAILURE,DELAY"] if wants_reports else [],
            )
        except SMTPNotSupported as exc:
            if options:
                raise MailRefused("The SMTP server does not support addresses beyond ASCII.") from exc
            raise failure(exc) from exc
        except SMTPException as exc:
            raise failure(exc, handed_over=client.handed_over) from exc
        except ssl.SSLError as exc:
            raise MailerUnavailable(
                f"The SMTP server's certificate is not trusted: {exc}. Check the host in PRECIEUX_SMTP_URL.",
                blame=Blame.ACCOUNT,
            ) from exc
        except (OSError, ValueError) as exc:
            raise MailerUnavailable(
                f"The SMTP server cannot be reached: {exc}.", blame=Blame.PROVIDER, uncertain=client.handed_over
            ) from exc
        finally:
            await _quit(client)
        return answer[:500]


class _Client(aiosmtplib.SMTP):
    """Waits long for the answer to the mail. `handed_over` is True from when the server may have taken it."""

    handed_over = False

    async def data(
        self, message: str | bytes, /, *, timeout: float | Literal[Default.token] | None = Default.token
    ) -> SMTPResponse:
        self.handed_over = True
        return await super().data(message, timeout=ANSWER_SECONDS)


async def _quit(client: aiosmtplib.SMTP) -> None:
    """End the session. The server has accepted or refused the mail by now, so a failure here changes nothing.

    Nor does a cancellation, by which the sender ends a mail that takes too long.
    """
    with contextlib.suppress(SMTPException, asyncio.CancelledError):
        await client.quit(timeout=_QUIT_SECONDS)
    client.close()


async def _reports(client: aiosmtplib.SMTP) -> bool:
    """Return True if the server can report that a mail was delayed or not delivered."""
    if client.is_ehlo_or_helo_needed:
        # A server without EHLO has no extensions. aiosmtplib tries HELO next.
        with contextlib.suppress(SMTPHeloError):
            await client.ehlo()
    return client.supports_extension("DSN")


def _report_options(message_id: str) -> list[str]:
    """Return options for a report that names the mail and has no text of it (RFC 3461, sections 4.3 and 4.4)."""
    envelope_id = message_id.strip("<>")
    # An id of ours has only characters that need no encoding.
    is_short = len(envelope_id) <= _MAX_ENVELOPE_ID
    return ["RET=HDRS", *([f"ENVID={envelope_id}"] if is_short else [])]


def failure(error: SMTPException, *, handed_over: bool = False) -> MailerUnavailable | MailRefused:
    """Return the error for an SMTP reply: 4yz asks for another try, 5yz is final (RFC 5321, section 4.2.1).

    After either, the server does not have the mail; without a reply to a mail that was handed over, it may. A reply
    before the recipient is named cannot be about the mail.
    """
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        return _of_reply(error)
    text = error.message[:200]
    if isinstance(error, SMTPNotSupported):
        return MailerUnavailable(f"The SMTP server lacks an extension: {text}.", blame=Blame.ACCOUNT)
    what = "answer was lost" if handed_over else "connection failed"
    return MailerUnavailable(f"The SMTP server's {what}: {text}.", blame=Blame.PROVIDER, uncertain=handed_over)


def _of_reply(error: SMTPResponseException) -> MailerUnavailable | MailRefused:
    reply = f"({error.code}) {error.message[:200]}"
    if not isinstance(error, SMTPRecipientRefused | SMTPDataError):
        if error.code < 500:
            return MailerUnavailable(f"The SMTP server is unavailable: {reply}", blame=Blame.PROVIDER)
        is_login = isinstance(error, SMTPAuthenticationError)
        hint = " Check the user and password in PRECIEUX_SMTP_URL." if is_login else ""
        return MailerUnavailable(f"The SMTP server refused the connection: {reply}{hint}", blame=Blame.ACCOUNT)
    match = _ENHANCED.match(error.message)
    code = match[1] if match else ""
    blame = _blame(error.code, code)
    if error.code < 500:
        return MailerUnavailable(f"The SMTP server is unavailable: {reply}", blame=blame)
    text = f"The SMTP server refused the {'account' if blame is Blame.ACCOUNT else 'mail'}: {reply}"
    # A policy may refuse one mail for good.
    is_certain = blame is Blame.ACCOUNT and code and not code.startswith("7.")
    return MailerUnavailable(text, blame=blame) if is_certain else MailRefused(text, blame=blame)


def _blame(code: int, enhanced: str) -> Blame:
    """Return what a reply to a recipient or a mail blames."""
    if code == 421 or enhanced.startswith("3."):
        return Blame.PROVIDER if code < 500 else Blame.MAIL_OR_ACCOUNT
    if _OF_ACCOUNT.fullmatch(enhanced) or (code >= 554 and not enhanced):
        return Blame.ACCOUNT
    return Blame.MAIL if _OF_RECIPIENT.fullmatch(enhanced) else Blame.MAIL_OR_ACCOUNT
