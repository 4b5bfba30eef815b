"""The files that are attached to mails: how they are kept with a mail, and how they are read when it is sent."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Final

from job_runner.emails.sanitize import one_line
from job_runner.mailers.base import Attachment
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound
from shared.common.service.logging import get_logger

log = get_logger(__name__)

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


async def read(stored: str | None, store: ObjectStore) -> tuple[Attachment, ...]:
    """Return the attachments of a value of `emails.attachments`. Raises `StoreUnavailable`.

    A file that is not there any more is left out: its submission was removed, and its link leads nowhere either.
    """
    attachments = []
    for file in (StoredAttachment(**fields) for fields in json.loads(stored or "[]")):
        try:
            data = (file.text or "").encode() if file.key is None else await store.get(file.key)
        except ObjectNotFound:
            log.warning("mail.attachment_gone", key=file.key)
        else:
            attachments.append(Attachment(file.filename, file.content_type, data))
    return tuple(attachments)


def output_name(file: str) -> str:
    """Return the name of the file with the output of a program, such as `main-output.txt`."""
    stem = _NO_NAME.sub("_", one_line(PurePosixPath(file).stem)).strip(" …")
    return f"{stem}-output.txt" if stem else "output.txt"
