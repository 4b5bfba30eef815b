"""Reads the folder that holds the mails of a system without a mail provider (RFC 5322, one per file)."""

import email
import email.policy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The id of a conversation, which all mails about a submission refer to.
_SUBMISSION: Final = re.compile(r"<precieux\.submission-([0-9]{1,18})@")


@dataclass(frozen=True, slots=True)
class MailFile:
    """A mail. `about` is the id of its submission; None if it is about none."""

    sender: str
    recipient: str
    subject: str
    date: str
    text: str
    about: int | None = None


def read_mailbox(folder: Path) -> list[MailFile]:
    """Return all mails in the folder. The mailer renames complete files into it, so none is partial."""
    return [_read(file) for file in sorted(folder.glob("*.eml"))]


def _read(file: Path) -> MailFile:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    about = _SUBMISSION.search(str(message["In-Reply-To"]))
    return MailFile(
        sender=str(message["From"]),
        recipient=str(message["To"]),
        subject=str(message["Subject"]),
        date=str(message["Date"]),
        text=body.get_content() if body else "",
        about=int(about[1]) if about else None,
    )
