"""Stores the requests of Judge0's clients, and reads their submissions as the clients get them."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shared.adapters.database.connection import Connection, Record
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.sources import read_source
from shared.common.files.archives import unpack
from shared.common.service.errors import ObjectNotFound
from shared.common.text.base64_text import decode, encode
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.request import Encoding, bytes_of
from shared.records.judge0.statuses import Judge0End, Status, ending_of
from shared.records.resources.statements import LATEST_JOB, owned
from shared.records.resources.texts import raw_output

#: The fields that a client sets, as `judge0_submissions.request` stores them.
ASKED: Final = (
    "language_id", "compiler_options", "command_line_arguments", "cpu_time_limit", "cpu_extra_time", "wall_time_limit",
    "memory_limit", "stack_limit", "max_processes_and_or_threads", "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit", "max_file_size", "redirect_stderr_to_stdout", "enable_network",
    "number_of_runs", "additional_files", "callback_url",
)  # fmt: skip
#: The fields of an answer if the client has not chosen any.
DEFAULT: Final = ("token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status")
ALL: Final = (
    "source_code", "language_id", "stdin", "expected_output", "stdout", "status_id", "created_at", "finished_at",
    "time", "memory", "stderr", "token", *ASKED[3:15], "compile_output", "exit_code", "exit_signal", "message",
    "wall_time", "compiler_options", "command_line_arguments", "additional_files", "callback_url", "status", "language",
)  # fmt: skip

_REMEMBER: Final = """
    INSERT INTO judge0_submissions (upload, token, request) VALUES (:upload, :token, CAST(:request AS jsonb))
"""
#: Submissions `d` with their rows `u`, and the job `j` and the result `r` of their latest run.
FROM: Final = f"""
    FROM judge0_submissions d JOIN uploads u ON u.id = d.upload {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
"""
#: The columns from which `ending_of_row` reads how a submission has ended.
ENDING: Final = """
    u.request_id IS NOT NULL AS is_requested, u.outcome, j.status = 'executing' AS is_running, r.verdict, r.exit_code,
    r.signal, r.time_s > nullif(CAST(d.request ->> 'cpu_time_limit' AS float), 0) AS is_over,
    -- The exit code of a shell for a file that it cannot execute (POSIX, "Exit Status for Commands").
    r.exit_code = 126 AND position('Exec format error' IN r.stderr) > 0 AS is_no_program
"""
_VISIBLE: Final = f"""
    SELECT d.token, d.upload, coalesce(octet_length(r.output), 0) + coalesce(octet_length(r.stderr), 0)
        + coalesce(octet_length(r.compile_output), 0) + coalesce(octet_length(u.inputs), 0)
        + coalesce(octet_length(u.expected_output), 0) + coalesce(u.size_bytes, 0) + pg_column_size(d.request) AS weight
    {FROM} WHERE d.token = ANY(:tokens) AND {owned("u")}
"""
_FIND: Final = f"""
    SELECT {ENDING}, d.token, d.request, u.created_at, u.inputs, u.expected_output, u.spec ->> 'encoding' AS encoding,
        u.object_key, CASE WHEN :with_source THEN u.content END AS content, j.finished_at, j.failure, r.output,
        r.output_key, r.stderr, r.stderr_bytes, r.compile_output, r.time_s, r.wall_s, r.memory_bytes
    {FROM} WHERE d.upload = :upload
"""
_PAGE: Final = """
    SELECT ARRAY(SELECT token FROM judge0_submissions ORDER BY upload DESC LIMIT :limit OFFSET :offset) AS tokens,
        count(*) AS number
    FROM judge0_submissions
"""
_WAITING: Final = """
    SELECT count(*) AS number FROM (
        SELECT FROM uploads u WHERE request_id IS NOT NULL AND {of_sender}
            AND NOT EXISTS (SELECT FROM job WHERE job.request_id = u.request_id AND job.status = 'executing')
        LIMIT CAST(:limit AS bigint)
    ) AS waiting
"""
#: The beginning of the executor's message about a compiler that a limit stopped.
_COMPILER_STOPPED: Final = "Compilation: Time limit exceeded"


class NotText(Exception):
    """A text of the submission is not UTF-8, so it can be shown only in base64."""


async def remember(connection: Connection, upload: int, token: UUID, request: Mapping[str, Any]) -> None:
    """Store the client's request of a new submission, and the submission's token."""
    values = {"upload": upload, "token": token, "request": json.dumps(request, ensure_ascii=False)}
    await connection.execute(_REMEMBER, values)


async def visible(connection: Connection, tokens: Collection[UUID], *, owner: int | None) -> dict[UUID, Record]:
    """Return the `upload` of each of these submissions, and their bytes as its `weight`.

    Those that the key `owner` has not made are left out. None owns all.
    """
    rows = await connection.fetch_all(_VISIBLE, {"tokens": list(tokens), "owner": owner})
    return {row["token"]: row for row in rows}


async def page(connection: Connection, *, limit: int, offset: int) -> tuple[list[UUID], int]:
    """Return the tokens of a page of all submissions, the newest first, and how many submissions there are."""
    [row] = await connection.fetch_all(_PAGE, {"limit": limit, "offset": offset})
    return row["tokens"], row["number"]


async def waiting(connection: Connection, sender: int | None, *, limit: int) -> int:
    """Return how many requests of a key wait to be run, counted up to `limit`. None: those that came without a key."""
    sql = _WAITING.format(of_sender="owner IS NULL" if sender is None else "owner = :sender")
    values = {"limit": limit} if sender is None else {"limit": limit, "sender": sender}
    return int(await connection.fetch_value(sql, values))


async def find(
    connection: Connection, store: ObjectStore, upload: int, *, with_source: bool = False
) -> dict[str, Any] | None:
    """Return the fields of a submission; None if it does not exist. The source is read only if a field needs it."""
    row = await connection.fetch_one(_FIND, {"upload": upload, "with_source": with_source})
    if row is None:
        return None
    request = json.loads(row["request"])
    has_source = with_source and request["source_file"] is not None
    source = await _source(store, row, request["source_file"]) if has_source else None
    stdout = await raw_output(store, row["output"] or "", row["output_key"])
    return values_of(dict(row), request, source, stdout)


async def _source(store: ObjectStore, row: Record, path: str) -> bytes | None:
    key: str = row["object_key"]
    try:
        data = await read_source(store, key, row["content"])
    except ObjectNotFound:
        return None
    return unpack(data)[path] if key.endswith(".zip") else data


def values_of(
    row: Mapping[str, Any], request: Mapping[str, Any], source: bytes | None, stdout: bytes
) -> dict[str, Any]:
    """Return the values of a submission's fields. Texts are bytes; those that are empty are None."""
    ending = ending_of_row(row, row["failure"])
    has_ended = ending.status > Status.PROCESSING
    has_run = has_ended and row["verdict"] not in (None, Verdict.COMPILE_ERROR)
    run: Mapping[str, Any] = row if has_run else dict.fromkeys(row)
    compiled = (row["compile_output"] or "") if has_ended else ""
    if compiled.startswith(_COMPILER_STOPPED):
        compiled = "Compilation time limit exceeded."
    return {
        **request,
        **{name: str(float(request[name])) for name in ("cpu_time_limit", "cpu_extra_time", "wall_time_limit")},
        "token": str(row["token"]),
        "language": {"id": request["language_id"], "name": request["language"]},
        "source_code": source,
        "stdin": _decoded(row["inputs"], row["encoding"]) or None,
        "expected_output": _decoded(row["expected_output"], row["encoding"]),
        "stdout": (has_run and stdout) or None,
        "stderr": run["stderr_bytes"] or (run["stderr"] or "").encode() or None,
        "compile_output": compiled.encode() or None,
        "message": None if ending.message is None else ending.message.encode(),
        "status_id": ending.status,
        "status": ending.status.shown,
        "exit_code": ending.exit_code,
        "exit_signal": ending.exit_signal,
        "created_at": timestamp(row["created_at"]),
        "finished_at": timestamp(row["finished_at"]) if has_ended and row["finished_at"] else None,
        "time": _seconds(run["time_s"]),
        "wall_time": _seconds(run["wall_s"]),
        "memory": None if run["memory_bytes"] is None else run["memory_bytes"] // 1024,
    }


def ending_of_row(row: Record | Mapping[str, Any], failure: str | None = None) -> Judge0End:
    """Return how a submission has ended, from the columns `ENDING`. `failure` is why it could not be run."""
    if row["is_requested"] or row["outcome"] is None:
        return Judge0End(Status.PROCESSING if row["is_requested"] and row["is_running"] else Status.IN_QUEUE)
    if row["verdict"] is None:
        return Judge0End(Status.INTERNAL_ERROR, failure or "It was cancelled.")
    ends = {"is_over": bool(row["is_over"]), "is_no_program": bool(row["is_no_program"])}
    return ending_of(Verdict(row["verdict"]), row["exit_code"], row["signal"], **ends)


def fields_of(values: Mapping[str, Any], names: Sequence[str], *, base64: bool) -> dict[str, Any]:
    """Return these fields of a submission. Raises `NotText` if one of them cannot be shown without base64."""
    shown = {}
    for name in names:
        value = values[name]
        if name == "additional_files" and value is not None:
            value = encode(decode(value))  # base64 in any case, and written in our lines
        elif isinstance(value, bytes):
            value = encode(value) if base64 else _text(value)
        shown[name] = value
    return shown


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotText from None


def _decoded(text: str | None, encoding: str | None) -> bytes | None:
    return None if text is None else bytes_of(text, Encoding(encoding or Encoding.UTF_8), "text")


def _seconds(value: float | None) -> str | None:
    return None if value is None else str(round(value, 3))


def timestamp(value: datetime) -> str:
    """Return a time in the format that clients parse: in UTC, with three decimals."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
