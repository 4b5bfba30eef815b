"""Stores the reports of providers and mail servers: the states of mails, and addresses that get no more mails."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.adapters.database.connection import Connection
from shared.records.mail import suppressions

#: The most characters that are kept of a reason.
_REASON_LENGTH: Final = 500
# Reports come in any order, so each state may follow only certain others.
_RECORD: Final = """
    WITH changed AS (
        UPDATE emails SET status = :status, last_error = :reason, updated_at = now()
        WHERE message_id = :message_id AND status = ANY(CAST(:before AS text[])) RETURNING id
    )
    SELECT changed.id FROM emails LEFT JOIN changed USING (id) WHERE message_id = :message_id
"""


class DeliveryState(StrEnum):
    """How the delivery of a mail went, as its provider reports it."""

    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


_UNDER_WAY: Final = ("queued", "sending", "sent", "deferred", "uncertain")
#: The states that a report changes.
_BEFORE: Final = {
    DeliveryState.DEFERRED: ("queued", "sending", "sent", "uncertain"),
    DeliveryState.DELIVERED: _UNDER_WAY,
    DeliveryState.BOUNCED: (*_UNDER_WAY, "delivered"),
    DeliveryState.COMPLAINED: (*_UNDER_WAY, "delivered", "bounced"),
}
#: After these, the address gets no more mails.
_SUPPRESSING: Final = frozenset({DeliveryState.BOUNCED, DeliveryState.COMPLAINED})


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A report of one mail. `recipient` is the address that it may suppress, and `reason` is the server's message."""

    delivery: DeliveryState
    message_id: str
    recipient: str | None
    reason: str | None = None


async def record(connection: Connection, report: DeliveryReport) -> int | None:
    """Store a report, and return the id of its mail; None if the report changes the state of no mail.

    A report of a mail that is not ours suppresses nobody: others may send through the same account.
    """
    reason = (
        report.reason[:_REASON_LENGTH] if report.reason and report.delivery is not DeliveryState.DELIVERED else None
    )
    values = {
        "status": report.delivery,
        "reason": reason,
        "message_id": report.message_id,
        "before": _BEFORE[report.delivery],
    }
    row = await connection.fetch_one(_RECORD, values)
    if row and report.recipient is not None and report.delivery in _SUPPRESSING:
        await suppressions.add(connection, report.recipient, report.delivery)
    return row["id"] if row else None
