"""Mails that did not arrive: what became of them, and sending them again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.database import channels
from shared.database.connection import Connection
from shared.mail.suppressions import suppressed
from shared.resources.models import MailState

#: States of mails that may be sent again: not after a complaint, and a suppressed mail only if its address is allowed.
SENT_AGAIN: Final = (MailState.REFUSED, MailState.BOUNCED, MailState.SUPPRESSED, MailState.UNCERTAIN)

_LIST: Final = """
    SELECT e.id, CASE e.kind WHEN 'failure' THEN 'result' ELSE e.kind END AS kind,
        coalesce(e.recipient, u.email) AS recipient, e.upload, e.batch, e.status AS state, e.attempt AS attempts,
        e.last_error AS reason, e.updated_at AS at
    FROM emails e LEFT JOIN uploads u ON u.id = e.upload
    WHERE e.status IN ('refused', 'bounced', 'complained', 'uncertain')
    ORDER BY e.updated_at DESC, e.id DESC LIMIT :limit
"""
# As a new mail: its attempts begin again. Its Message-ID stays, so that a receiver that has it drops the copy.
_SEND_AGAIN: Final = """
    WITH chosen AS MATERIALIZED (
        SELECT id FROM emails WHERE id = ANY(:ids) AND status = ANY(:states) ORDER BY id FOR UPDATE
    )
    UPDATE emails SET status = 'queued', attempt = 0, crashes = 0, run_after = now(), updated_at = now(),
        last_error = NULL
    FROM chosen WHERE emails.id = chosen.id RETURNING emails.id
"""


@dataclass(frozen=True, slots=True)
class FailedMail:
    """A mail that did not arrive. If its recipient `is_suppressed`, it would not be sent again either."""

    id: int
    kind: str
    recipient: str | None
    upload: int | None
    batch: int | None
    state: str
    attempts: int
    reason: str | None
    at: datetime
    is_suppressed: bool

    @property
    def may_be_sent_again(self) -> bool:
        return self.state in SENT_AGAIN and not self.is_suppressed


async def listed(connection: Connection, *, limit: int = 50) -> list[FailedMail]:
    """Return the latest of these mails, the newest first."""
    rows = await connection.fetch_all(_LIST, {"limit": limit})
    unwanted = await suppressed(connection, {row["recipient"] for row in rows if row["recipient"]})
    return [FailedMail(**row, is_suppressed=row["recipient"] in unwanted) for row in rows]


async def send_again(connection: Connection, ids: Collection[int]) -> list[int]:
    """Queue mails that did not arrive, or may not have, again, and return their ids. Leave others as they are."""
    rows = await connection.fetch_all(_SEND_AGAIN, {"ids": list(ids), "states": [str(state) for state in SENT_AGAIN]})
    await connection.notify(channels.EMAILS)
    return sorted(row["id"] for row in rows)
