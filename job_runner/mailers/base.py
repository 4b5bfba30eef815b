"""The mailer port: takes a mail, and returns the provider's id of it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Email:
    """A mail to send.

    `message_id` is the RFC 5322 Message-ID with its angle brackets. Each job has one. A POST to the URL `unsubscribe`
    stops further mails (RFC 8058).
    """

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    unsubscribe: str | None = None


class Mailer(Protocol):
    async def send(self, email: Email) -> str:
        """Hand the mail to the provider, and return the provider's id of it.

        Raises `MailRefused` if this mail can never be delivered, `MailerUnavailable` if another try can help (with
        `pause` if the account is at fault, not the mail).
        """

    async def forget(self, *, days: int) -> None:
        """Remove older mails that the mailer itself keeps. Raises `MailerUnavailable`."""

    async def close(self) -> None:
        """Close all connections."""
