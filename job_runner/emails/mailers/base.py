"""The mailer port: takes a mail, and returns the provider's id of it."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file attached to a mail. The name may have any characters; we set the content type."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Email:
    """A mail to send.

    `message_id` is the RFC 5322 Message-ID with its angle brackets. Each job has one. A POST to the URL `unsubscribe`
    stops further mails (RFC 8058). `references` are the ids of the conversation that the mail belongs to, the oldest
    first. Replies go to `reply_to`, or to the sender if it is None.
    """

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    unsubscribe: str | None = None
    locale: str = "en"
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    attachments: tuple[AttachedFile, ...] = ()


class Mailer(Protocol):
    async def send(self, email: Email) -> str:
        """Hand the mail to the provider, and return the provider's id of it.

        Raises `MailRefused` if this mail can never be delivered, `MailerUnavailable` if another try can help. The
        `blame` of either says whether other mails would fail too.
        """

    async def forget(self, *, days: int) -> None:
        """Remove older mails that the mailer itself keeps, if any. Raises `MailerUnavailable`."""
        return

    async def close(self) -> None:
        """Close all connections, if any stay open."""
        return
