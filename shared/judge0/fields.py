"""The fields of a submission as Judge0's clients get them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shared.judge0.base64_text import decode, encode
from shared.judge0.statuses import DESCRIPTIONS, Judge0End, Status

#: The fields that a client sets, as `judge0_submissions.request` stores them.
ASKED: Final = (
    "language_id", "compiler_options", "command_line_arguments", "cpu_time_limit", "cpu_extra_time", "wall_time_limit",
    "memory_limit", "stack_limit", "max_processes_and_or_threads", "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit", "max_file_size", "redirect_stderr_to_stdout", "enable_network",
    "number_of_runs", "additional_files", "callback_url",
)  # fmt: skip
#: The fields that `base64_encoded` affects.
TEXTS: Final = ("source_code", "stdin", "expected_output", "stdout", "stderr", "compile_output", "message")
#: The fields of an answer if the client has not chosen any.
DEFAULT: Final = ("token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status")
ALL: Final = (
    "source_code", "language_id", "stdin", "expected_output", "stdout", "status_id", "created_at", "finished_at",
    "time", "memory", "stderr", "token", *ASKED[3:15], "compile_output", "exit_code", "exit_signal", "message",
    "wall_time", "compiler_options", "command_line_arguments", "additional_files", "callback_url", "status", "language",
)  # fmt: skip
_LIMITS_IN_SECONDS: Final = frozenset({"cpu_time_limit", "cpu_extra_time", "wall_time_limit"})


class NotText(Exception):
    """A text of the submission is not UTF-8, so it can be shown only in base64."""


@dataclass(frozen=True, slots=True)
class Judge0Submission:
    """A submission and its end. Missing texts are None. `cpu_s` and the other measures are None without a run."""

    token: UUID
    request: Mapping[str, Any]
    ending: Judge0End
    created_at: datetime
    finished_at: datetime | None = None
    source: bytes | None = field(default=None, repr=False)
    stdin: bytes | None = field(default=None, repr=False)
    expected_output: bytes | None = field(default=None, repr=False)
    stdout: bytes | None = field(default=None, repr=False)
    stderr: bytes | None = field(default=None, repr=False)
    compile_output: bytes | None = field(default=None, repr=False)
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None


def fields_of(submission: Judge0Submission, names: Sequence[str], *, base64: bool) -> dict[str, Any]:
    """Return these fields of a submission. Raises `NotText` if one of them cannot be shown without base64."""
    written = encode if base64 else _text
    return {name: _value(submission, name, written) for name in names}


def _value(submission: Judge0Submission, name: str, written: Callable[[bytes], str]) -> Any:
    if name in ASKED:
        value: Any = submission.request[name]
        if name == "additional_files" and value is not None:  # base64 in any case, and written in our lines
            return encode(decode(value))
        return str(float(value)) if name in _LIMITS_IN_SECONDS else value
    if name in TEXTS:
        text = _bytes_of(submission, name)
        return None if text is None else written(text)
    match name:
        case "token":
            return str(submission.token)
        case "status_id":
            return submission.ending.status
        case "status":
            return status(submission.ending.status)
        case "language":
            return {"id": submission.request["language_id"], "name": submission.request["language"]}
        case "time":
            return _seconds(submission.cpu_s)
        case "wall_time":
            return _seconds(submission.wall_s)
        case "memory":
            return None if submission.memory_bytes is None else submission.memory_bytes // 1024
        case "created_at":
            return timestamp(submission.created_at)
        case "finished_at":
            return timestamp(submission.finished_at) if submission.finished_at else None
    return getattr(submission.ending, name)


def status(number: Status) -> dict[str, Any]:
    """Return a status as clients get it."""
    return {"id": int(number), "description": DESCRIPTIONS[number]}


def _bytes_of(submission: Judge0Submission, name: str) -> bytes | None:
    if name == "message":
        return submission.ending.message.encode() if submission.ending.message is not None else None
    if name == "source_code":
        return submission.source
    text: bytes | None = getattr(submission, name)
    return text


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotText from None


def _seconds(value: float | None) -> str | None:
    return None if value is None else str(round(value, 3))


def timestamp(value: datetime) -> str:
    """Return a time in the format that clients parse: in UTC, with three decimals."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
