"""The mailer of installations without a provider: writes each mail to a file that any mail program can open."""

import asyncio
import contextlib
import os
import time
from datetime import UTC, datetime
from email.headerregistry import Address
from pathlib import Path
from typing import Final
from urllib.parse import quote

from job_runner.emails.mailers.base import Email, Mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable
from job_runner.emails.mailers.message import write_message
from shared.common.files.atomic_write import replace_file

_DAY: Final = 24 * 60 * 60
#: Characters of a file's name before its ending. The unique part of a Message-ID comes first.
_MAX_NAME: Final = 120


class FileMailer(Mailer):
    """Writes mails to `folder` as `.eml` files (RFC 5322). The Message-ID names a file, so a repeat replaces it."""

    def __init__(self, folder: Path, sender: Address) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, email: Email) -> str:
        """Write the mail, and return the name of its file."""
        name = file_name(email.message_id)
        data = write_message(email, self._sender, datetime.now(UTC))
        try:
            await asyncio.to_thread(self._write, name, data)
        except OSError as exc:
            raise MailerUnavailable(
                f"Mails cannot be written to {self._folder}: {exc.strerror}. Check its permissions and the disk.",
                blame=Blame.PROVIDER,
            ) from exc
        return name

    async def forget(self, *, days: int) -> None:
        try:
            await asyncio.to_thread(self._forget, time.time() - days * _DAY)
        except OSError as exc:
            raise MailerUnavailable(f"Old mails in {self._folder} cannot be removed: {exc.strerror}.") from exc

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self._folder / name, data)

    def _forget(self, before: float) -> None:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".eml") and entry.stat(follow_symlinks=False).st_mtime < before:
                    Path(entry.path).unlink(missing_ok=True)


def file_name(message_id: str) -> str:
    """Return a safe file name for a Message-ID: other characters than usual are percent-encoded."""
    name = quote(message_id.strip("<>"), safe="@", errors="replace").lstrip(".")[:_MAX_NAME]
    return f"{name or 'mail'}.eml"
