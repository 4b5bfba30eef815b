"""Adds mails about batches, which have their texts already."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.database import channels
from shared.database.connection import Connection
from shared.resources.models import MailKind

_ADD: Final = """
    INSERT INTO emails (kind, batch, recipient, subject, text, html, message_id, locale, attachments)
    VALUES (:kind, :batch, :recipient, :subject, :text, :html, :message_id, :locale, CAST(:attachments AS jsonb))
"""


async def add_mails(connection: Connection, kind: MailKind, mails: Sequence[Mapping[str, Any]]) -> None:
    """Add mails that are sent after the commit. Each has the columns `batch`, `recipient`, `locale` and its texts."""
    await connection.fetch_each(_ADD, [{"kind": kind, **mail} for mail in mails])
    if mails:
        await connection.notify(channels.EMAILS)
