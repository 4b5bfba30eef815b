"""Prepares mails for a terminal: short lists, fields with labels, and the history of one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from precieux.terminal import long_date, short_date, styled

#: The least width of a list with all columns.
_WIDE: Final = 110
_LIST: Final = ("id", "recipient", "state", "updated", "reason")
_WIDE_LIST: Final = ("id", "kind", "about", "recipient", "state", "attempts", "created", "updated", "reason")

#: The label of each field of one mail, in their order.
_LABELS: Final = {
    "id": "Mail",
    "kind": "Kind",
    "recipient": "Recipient",
    "subject": "Subject",
    "state": "State",
    "last_error": "Reason",
    "attempts": "Attempts",
    "submission": "Submission",
    "batch": "Batch",
    "job": "Job",
    "locale": "Language",
    "attachments": "Files",
    "message_id": "Message-ID",
    "provider_id": "Provider's id",
}


def as_list(mails: Sequence[Mapping[str, Any]], width: int) -> tuple[Sequence[str], list[list[object]]]:
    """Return the headers and the rows of a list of mails that is `width` characters wide."""
    headers = _WIDE_LIST if width >= _WIDE else _LIST
    rows = []
    for mail in mails:
        cells = {
            **mail,
            "about": _about(mail),
            "state": styled(mail["state"]),
            "created": short_date(mail["created_at"]),
            "updated": short_date(mail["updated_at"]),
            "reason": mail["last_error"],
        }
        rows.append([cells[header] for header in headers])
    return headers, rows


def as_fields(mail: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the labels and values of one mail and its history, without its texts and unknown values."""
    fields: list[tuple[str, object]] = []
    for name, label in _LABELS.items():
        value = ", ".join(mail[name]) if name == "attachments" else mail[name]
        if value is not None and value != "":
            fields.append((label, styled(value) if name == "state" else value))
    return fields + [(long_date(event["at"]), event["state"]) for event in history(mail)]


def history(mail: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the stored times of a mail, each with the state that began then, the oldest first."""
    yield {"at": mail["created_at"], "state": "queued"}
    if mail["sent_at"] is not None:
        yield {"at": mail["sent_at"], "state": "sent"}
    if mail["updated_at"] != mail["created_at"] and mail["state"] != "sent":
        yield {"at": mail["updated_at"], "state": mail["state"]}


def _about(mail: Mapping[str, Any]) -> str | None:
    """Return what a mail is about, such as `submission 5`."""
    for name in ("submission", "batch"):
        if mail[name] is not None:
            return f"{name} {mail[name]}"
    return None
