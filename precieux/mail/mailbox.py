"""Reads the folder that holds the mails of a system without a mail provider (RFC 5322, one per file)."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

#: The id of a conversation, which all mails about a submission refer to.
_SUBMISSION: Final = re.compile(r"<precieux\.submission-([0-9]{1,18})@")


def read_mailbox(folder: Path) -> list[EmailMessage]:
    """Return all mails in the folder. The mailer renames complete files into it, so none is partial."""
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in sorted(folder.glob("*.eml"))]


def submission_of(mail: EmailMessage) -> int | None:
    """Return the id of the submission that a mail is about; None if it is about something else."""
    about = _SUBMISSION.search(str(mail["In-Reply-To"]))
    return int(about[1]) if about else None
