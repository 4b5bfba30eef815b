"""Shows jobs and mails on a terminal: lists that fit its width, and the fields of one with labels and units."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from precieux import terminal
from precieux.terminal import describe_signal, long_date, short_date, styled

Row: TypeAlias = Mapping[str, Any]

#: From this width on, a list has all columns.
_WIDE: Final = 110
#: Columns that only a wide list has, and columns that are folded if there is no room.
_LEFT_OUT: Final = {"submission", "attempts", "kind", "about"}
_FOLDED: Final = {"email", "recipient", "result", "reason"}

#: The labels of the fields of `shared.records.operations.jobs.details`.
_JOB: Final = {
    "id": "Job", "upload": "Submission", "email": "Recipient", "language": "Language", "filename": "File",
    "enable": "Blocked", "status": "Status", "verdict": "Verdict", "failure": "Last failure",
    "stop_reason": "Stopped because", "exit_code": "Exit code", "signal": "Signal", "time_s": "CPU time",
    "wall_s": "Elapsed time", "memory_bytes": "Memory", "truncated": "Output cut off",
    "output_key": "Whole output, in the store", "attempt": "Attempts", "crashes": "Crashes",
    "crashed_at": "Last crash", "sha256": "SHA-256 of the source", "request_id": "Request", "created_at": "Created",
    "started_at": "Started", "finished_at": "Finished", "run_after": "Not run before",
    "lease_expires_at": "Lease ends",
}  # fmt: skip
#: The labels of the fields of `shared.records.mail.mails.details`.
_MAIL: Final = {
    "id": "Mail", "kind": "Kind", "recipient": "Recipient", "subject": "Subject", "state": "State",
    "last_error": "Reason", "attempts": "Attempts", "submission": "Submission", "batch": "Batch", "job": "Job",
    "locale": "Language", "attachments": "Files", "message_id": "Message-ID", "provider_id": "Provider's id",
}  # fmt: skip


def show_list(rows: Sequence[Row], cells_of: Callable[[Row], Row], *, as_json: bool) -> None:
    """Print rows of the database: as JSON, as tab-separated values, or on a terminal the cells that fit its width."""
    if as_json:
        terminal.say_json(rows)
    elif not terminal.out.is_terminal:
        terminal.show_table((), (row.values() for row in rows))
    elif not rows:
        terminal.hint("There are none.")
    else:
        cells = [cells_of(row) for row in rows]
        headers = [name for name in cells[0] if terminal.out.width >= _WIDE or name not in _LEFT_OUT]
        whole = set(headers) - _FOLDED
        terminal.show_table(headers, ([cell[name] for name in headers] for cell in cells), whole=whole)


def job_cells(job: Row) -> Row:
    result = str(job["verdict"] or job["status"])
    if job["failure"]:
        result += f": {job['failure']}"
    if job["crashes"]:
        result += f" (crashes: {job['crashes']})"
    return {
        "id": job["id"],
        "submission": job["upload"],
        "email": job["email"],
        "result": result,
        "attempts": job["attempt"],
        "mail": job["mail"],
        "created": short_date(job["created_at"]),
        "finished": job["finished_at"] and short_date(job["finished_at"]),
    }


def mail_cells(mail: Row) -> Row:
    about = next((f"{name} {mail[name]}" for name in ("submission", "batch") if mail[name] is not None), None)
    return {
        "id": mail["id"],
        "kind": mail["kind"],
        "about": about,
        "recipient": mail["recipient"],
        "state": styled(mail["state"]),
        "attempts": mail["attempts"],
        "created": short_date(mail["created_at"]),
        "updated": short_date(mail["updated_at"]),
        "reason": mail["last_error"],
    }


def job_fields(job: Row) -> list[tuple[str, object]]:
    """Return the labels and values of one job and of its mails, without unknown values."""
    fields = [(label, _shown(name, job[name])) for name, label in _JOB.items() if job[name] is not None]
    for number, mail in enumerate(job["mails"], 1):
        present = {name: value for name, value in mail.items() if value is not None}
        fields += [(f"Mail {number}: {name.replace('_', ' ')}", _shown(name, value)) for name, value in present.items()]
    return fields


def mail_fields(mail: Row) -> list[tuple[str, object]]:
    """Return the labels and values of one mail and its history, without its texts and unknown values."""
    fields = [(label, _shown(name, mail[name])) for name, label in _MAIL.items() if mail[name] not in (None, "", [])]
    return fields + [(long_date(event["at"]), event["state"]) for event in history(mail)]


def history(mail: Row) -> Iterator[Row]:
    """Yield the stored times of a mail, each with the state that began then, the oldest first."""
    yield {"at": mail["created_at"], "state": "queued"}
    if mail["sent_at"] is not None:
        yield {"at": mail["sent_at"], "state": "sent"}
    if mail["updated_at"] != mail["created_at"] and mail["state"] != "sent":
        yield {"at": mail["updated_at"], "state": mail["state"]}


def _shown(name: str, value: Any) -> object:
    """Return a value as a terminal shows it: with a unit, which the name of its field ends with."""
    if isinstance(value, datetime):
        return long_date(value)
    if name.endswith("_s"):
        return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
    if name.endswith("_bytes"):
        return f"{value / (1 << 20):.1f} MiB"
    if name in ("enable", "truncated"):
        return "yes" if value else "no"
    if name == "state":
        return styled(value)
    if name == "signal":
        return describe_signal(value)
    return ", ".join(value) if isinstance(value, list) else value
