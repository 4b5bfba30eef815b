"""The mailer port: one mail in, the provider's id of it out."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Email:
    """A mail ready to go.

    `message_id` is the RFC 5322 Message-ID with its angle brackets; one job has one. `unsubscribe` is the address at
    which a POST stops further mails (RFC 8058).
    """

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    unsubscribe: str | None = None


class Mailer(Protocol):
    async def send(self, email: Email) -> str:
        """Hand the mail to the provider; returns the provider's id of it.

        Raises `MailRefused` when this mail can never go, `MailerUnavailable` when another try is worth it
        (with `pause` when the account, not the mail, is at fault).
        """

    async def forget(self, *, days: int) -> None:
        """Remove older mails that the mailer itself keeps. Raises `MailerUnavailable` if it cannot."""

    async def close(self) -> None:
        """Let go of every connection."""
