"""The mailer over SMTP (RFC 5321), by aiosmtplib; one connection per mail."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from job_runner.mailers.base import Email
from job_runner.mailers.message import parse_recipient, write_message
from shared.errors import MailerUnavailable, MailRefused


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where and how to connect. `start_tls`: True insists on STARTTLS, None takes it when offered."""

    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    start_tls: bool | None

    @classmethod
    def from_url(cls, url: str) -> "SmtpServer":
        """`smtp://` (port 587 unless given) or `smtps://` (465), with percent-encoded credentials (RFC 3986)."""
        parts = urlsplit(url)
        use_tls = parts.scheme == "smtps"
        username = unquote(parts.username) if parts.username else None
        host = parts.hostname or "localhost"
        return cls(
            host=host,
            port=parts.port or (465 if use_tls else 587),
            username=username,
            password=unquote(parts.password or "") if username else None,
            use_tls=use_tls,
            # Offered TLS can be stripped by whoever stands between; a password must not leave the host without it.
            start_tls=False if use_tls else True if username and not _is_loopback(host) else None,
        )


class SmtpMailer:
    """`timeout`, in seconds, bounds each exchange with the server."""

    def __init__(self, server: SmtpServer, sender: Address, *, timeout: float = 30.0) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout

    async def send(self, email: Email) -> str:
        """The id is what the server said on accepting the mail, which with most names its queue's entry."""
        recipient = parse_recipient(email.recipient).addr_spec
        message = write_message(email, self._sender, datetime.now(UTC))
        # RFC 6531, which a mail in ASCII does not need.
        options = [] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        try:
            async with aiosmtplib.SMTP(
                hostname=self._server.host,
                port=self._server.port,
                username=self._server.username,
                password=self._server.password,
                use_tls=self._server.use_tls,
                start_tls=self._server.start_tls,
                local_hostname=self._sender.domain,
                timeout=self._timeout,
            ) as client:
                _, answer = await client.sendmail(self._sender.addr_spec, recipient, message, mail_options=options)
        except SMTPNotSupported as exc:
            if options:
                raise MailRefused("The SMTP server takes no addresses beyond ASCII.") from exc
            raise failure(exc) from exc
        except SMTPException as exc:
            raise failure(exc) from exc
        except ssl.SSLError as exc:
            raise MailerUnavailable(f"The SMTP server's certificate is not trusted: {exc}.", pause=True) from exc
        except (OSError, ValueError) as exc:
            raise MailerUnavailable(f"The SMTP server cannot be reached: {exc}.") from exc
        return answer[:500]

    async def forget(self, *, days: int) -> None:
        """Do nothing: this mailer keeps no mails."""

    async def close(self) -> None:
        """Nothing is held open between mails."""


def failure(error: SMTPException) -> MailerUnavailable | MailRefused:
    """Whose fault an SMTP reply is: 4yz asks for another try, 5yz is final (RFC 5321, section 4.2.1).

    Before the recipient is named nothing has been said about the mail, so a 5yz there blames the account.
    """
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        said = f"({error.code}) {error.message[:200]}"
        about_the_mail = isinstance(error, SMTPRecipientRefused | SMTPDataError)
        if error.code < 500:
            return MailerUnavailable(f"The SMTP server asks for patience: {said}")
        if about_the_mail:
            return MailRefused(f"The SMTP server refused the mail: {said}")
        hint = (
            " Check the user and password in PRECIEUX_SMTP_URL." if isinstance(error, SMTPAuthenticationError) else ""
        )
        return MailerUnavailable(f"The SMTP server refuses us: {said}{hint}", pause=True)
    if isinstance(error, SMTPNotSupported):
        return MailerUnavailable(f"The SMTP server lacks what we need: {error.message[:200]}.", pause=True)
    return MailerUnavailable(f"The SMTP server cannot be reached: {error.message[:200]}.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
