"""Reads the folder that holds the mails of a system without a mail provider (RFC 5322, one per file)."""

import email
import email.policy
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MailFile:
    sender: str
    recipient: str
    subject: str
    date: str
    text: str

    @property
    def about(self) -> int | None:
        """The id of the submission, with which the subject ends (` - {id}`)."""
        number = self.subject.rpartition(" - ")[2]
        return int(number) if number.isdigit() else None


def read_mailbox(folder: Path) -> list[MailFile]:
    """Return all mails in the folder. The mailer renames complete files into it, so none is partial."""
    return [_read(file) for file in sorted(folder.glob("*.eml"))]


def _read(file: Path) -> MailFile:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    return MailFile(
        sender=str(message["From"]),
        recipient=str(message["To"]),
        subject=str(message["Subject"]),
        date=str(message["Date"]),
        text=body.get_content() if body else "",
    )
