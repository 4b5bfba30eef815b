"""Prepares jobs for a terminal: short dates, units, and labels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from precieux.terminal import long_date, short_date

#: From this width on, a list has all columns.
_WIDE: Final = 110
_LIST: Final = ("id", "email", "result", "mail", "created", "finished")
_WIDE_LIST: Final = ("id", "submission", "email", "result", "attempts", "mail", "created", "finished")


def as_list(jobs: Sequence[Mapping[str, Any]], width: int) -> tuple[Sequence[str], list[list[object]]]:
    """Return the headers and the rows of a list of jobs that is `width` characters wide."""
    headers = _WIDE_LIST if width >= _WIDE else _LIST
    rows = []
    for job in jobs:
        cells = {
            "id": job["id"],
            "submission": job["upload"],
            "email": job["email"],
            "result": _result(job),
            "attempts": job["attempt"],
            "mail": job["mail"],
            "created": short_date(job["created_at"]),
            "finished": job["finished_at"] and short_date(job["finished_at"]),
        }
        rows.append([cells[header] for header in headers])
    return headers, rows


def as_fields(job: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the labels and values of one job and of its mails, without unknown values."""
    fields = _labelled(job, _JOB)
    for number, mail in enumerate(job["mails"], 1):
        fields += [(f"Mail {number}: {label}", value) for label, value in _labelled(mail, _MAIL)]
    return fields


def _labelled(
    values: Mapping[str, Any], fields: Mapping[str, tuple[str, Callable[[Any], object]]]
) -> list[tuple[str, object]]:
    return [(label, show(values[name])) for name, (label, show) in fields.items() if values[name] is not None]


def _result(job: Mapping[str, Any]) -> str:
    result = str(job["verdict"] or job["status"])
    if job["failure"]:
        result += f": {job['failure']}"
    if job["crashes"]:
        result += f" (crashes: {job['crashes']})"
    return result


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def _mebibytes(value: int) -> str:
    return f"{value / (1 << 20):.1f} MiB"


def _yes_or_no(value: object) -> str:
    return "yes" if value else "no"


#: The label and the formatter of each field of `shared.jobs.details`.
_JOB: Final[Mapping[str, tuple[str, Callable[[Any], object]]]] = {
    "id": ("Job", str),
    "upload": ("Submission", str),
    "email": ("Recipient", str),
    "language": ("Language", str),
    "filename": ("File", str),
    "enable": ("Blocked", _yes_or_no),
    "status": ("Status", str),
    "verdict": ("Verdict", str),
    "failure": ("Last failure", str),
    "stop_reason": ("Stopped because", str),
    "exit_code": ("Exit code", str),
    "signal": ("Signal", str),
    "time_s": ("CPU time", _seconds),
    "wall_s": ("Elapsed time", _seconds),
    "memory_bytes": ("Memory", _mebibytes),
    "truncated": ("Output cut off", _yes_or_no),
    "output_key": ("Whole output, in the store", str),
    "attempt": ("Attempts", str),
    "crashes": ("Crashes", str),
    "crashed_at": ("Last crash", long_date),
    "sha256": ("SHA-256 of the source", str),
    "request_id": ("Request", str),
    "created_at": ("Created", long_date),
    "started_at": ("Started", long_date),
    "finished_at": ("Finished", long_date),
    "run_after": ("Not run before", long_date),
    "lease_expires_at": ("Lease ends", long_date),
}
_MAIL: Final[Mapping[str, tuple[str, Callable[[Any], object]]]] = {
    "kind": ("kind", str),
    "status": ("status", str),
    "attempt": ("attempts", str),
    "run_after": ("not sent before", long_date),
    "sent_at": ("sent", long_date),
    "message_id": ("message id", str),
    "provider_id": ("provider's id", str),
    "last_error": ("last error", str),
}
