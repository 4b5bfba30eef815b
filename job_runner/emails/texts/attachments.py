"""The files that are attached to mails, as the rows of mails keep them. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Final

from job_runner.emails.texts.sanitize import one_line

#: What no file system takes in a name, and a dot at its beginning, which hides a file.
_NO_NAME: Final = re.compile(r'[\\/:*?"<>|]|^\.+')


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment of a mail in the database: the object with this `key` in the store, or else a `text`."""

    filename: str
    content_type: str
    key: str | None = None
    text: str | None = None


def to_json(attachments: Sequence[StoredAttachment]) -> str | None:
    """Return the value of `emails.attachments`; None if there are none."""
    return json.dumps([asdict(attachment) for attachment in attachments]) if attachments else None


def output_name(file: str) -> str:
    """Return the name of the file with the output of a program, such as `main-output.txt`."""
    stem = _NO_NAME.sub("_", one_line(PurePosixPath(file).stem)).strip(" …")
    return f"{stem}-output.txt" if stem else "output.txt"
