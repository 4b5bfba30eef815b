"""Reads delivery status notifications: the mails by which mail servers report that a mail did not arrive (RFC 3464).

Anyone can send such a mail, so nothing in it is trusted. `read` takes any bytes.
"""

import email
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Final

from shared.common.text.control_characters import replace_controls
from shared.records.mail.delivery_reports import DeliveryState

#: The most bytes that are read of a mail. A report comes before the mail that it is about.
MAX_BYTES: Final = 256 << 10
#: The most lines that are read. The parser compares each line with the boundaries of all parts around it.
_MAX_LINES: Final = 5000

#: Action -> what it means for the mail. The other actions are not about delivery.
_DELIVERIES: Final = {
    "failed": DeliveryState.BOUNCED,
    "delayed": DeliveryState.DEFERRED,
    "delivered": DeliveryState.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Notification:
    """A report of the mail that has one of the `message_ids`. `is_final` is True if another try would fail too."""

    delivery: DeliveryState
    message_ids: tuple[str, ...]
    reason: str | None
    is_final: bool


def read(mail: bytes) -> Notification | None:
    """Return the report in a mail; None if it has none, or if the report names no mail or no action."""
    lines = mail[:MAX_BYTES].splitlines(keepends=True)[:_MAX_LINES]
    try:
        message = email.message_from_bytes(b"".join(lines))
    except RecursionError:  # parts within parts within parts
        return None
    if message.get_content_type() != "multipart/report":
        return None
    parts = _parts(message)
    fields = [item for part in parts if part.get_content_type() == "message/delivery-status" for item in _parts(part)]
    about_mail, *recipients = fields or [message]
    if not recipients:
        return None
    # Some servers put an id of their own in place of ours.
    named = (_field(about_mail, "Original-Envelope-Id"), _returned_id(parts))
    # Servers keep or leave out the brackets, which our ids have.
    message_ids = tuple(f"<{item.strip('<>')}>" for item in named if item)
    deliveries = {_DELIVERIES.get(_field(item, "Action").lower()) for item in recipients}
    delivery = deliveries.pop()
    # An alias may have stood for several addresses. If they differ, nothing is known of the mail as a whole.
    if not message_ids or delivery is None or deliveries:
        return None
    is_final = all(_field(item, "Status").startswith("5.") for item in recipients)
    return Notification(delivery, message_ids, next(_reasons(recipients), None), is_final)


def _returned_id(parts: list[Message]) -> str:
    """Return the Message-ID of the mail that a report returns, as a whole or as its headers; an empty text without."""
    for part in parts:
        if part.get_content_type() == "message/rfc822":
            return next((_field(one, "Message-ID") for one in _parts(part)), "")
        if part.get_content_type() == "text/rfc822-headers":
            return _field(HeaderParser().parsestr(str(part.get_payload())), "Message-ID")
    return ""


def _parts(message: Message) -> list[Message]:
    """Return the parts of a message; none if it has only a text."""
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _reasons(recipients: list[Message]) -> Iterator[str]:
    """Yield the server's message about each recipient, such as `550 5.1.1 no such user`, or the status."""
    for one in recipients:
        kind, _, text = _field(one, "Diagnostic-Code").partition(";")
        yield from filter(None, (text.strip() or kind, _field(one, "Status")))


def _field(message: Message, name: str) -> str:
    """Return the value of a header as one line that can be stored; an empty text without it."""
    value = " ".join(str(message.get(name, "")).split())
    return replace_controls(value).encode("utf-8", "replace").decode()
