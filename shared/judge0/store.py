"""Stores the requests of Judge0's clients, and reads their submissions."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from shared.database.connection import Connection, Record
from shared.engine.codex import Verdict
from shared.engine.run_call import Encoding, bytes_of
from shared.files.archives import unpack
from shared.judge0.fields import Judge0Submission
from shared.judge0.statuses import Judge0End, ProgramEnd, Status, ending_of
from shared.operations.job_state import JobState
from shared.resources.statements import LATEST_JOB, owned
from shared.resources.texts import raw_output
from shared.service.errors import ObjectNotFound
from shared.storage.base import ObjectStore

_REMEMBER: Final = """
    INSERT INTO judge0_submissions (upload, token, request) VALUES (:upload, :token, CAST(:request AS jsonb))
"""
# Submissions from before the upgrade have no `guards_callback`.
_CALLBACK: Final = """
    SELECT token, request -> 'guards_callback' IS DISTINCT FROM 'false' AS is_guarded FROM judge0_submissions
    WHERE upload = :upload
"""
_FROM: Final = f"""
    FROM judge0_submissions d JOIN uploads u ON u.id = d.upload {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
"""
_WEIGHTS: Final = f"""
    SELECT d.token, coalesce(octet_length(r.output), 0) + coalesce(octet_length(r.stderr), 0)
        + coalesce(octet_length(r.compile_output), 0) + coalesce(octet_length(u.inputs), 0)
        + coalesce(octet_length(u.expected_output), 0) + coalesce(u.size_bytes, 0) + pg_column_size(d.request) AS weight
    {_FROM} WHERE d.token = ANY(:tokens) AND {owned("u")}
"""
_FIND: Final = f"""
    SELECT d.token, d.request, u.created_at, u.request_id IS NOT NULL AS is_requested, u.outcome, u.inputs,
        u.expected_output, u.spec ->> 'encoding' AS encoding, u.object_key, u.filename,
        j.status, j.finished_at, j.failure, r.output, r.output_key, r.stderr, r.stderr_bytes, r.compile_output,
        r.verdict, r.exit_code, r.signal, r.time_s, r.wall_s, r.memory_bytes
    {_FROM} WHERE d.token = :token
"""
_UPLOAD: Final = f"""
    SELECT u.id FROM judge0_submissions d JOIN uploads u ON u.id = d.upload WHERE d.token = :token AND {owned("u")}
"""  # noqa: S608
_PAGE: Final = "SELECT token FROM judge0_submissions ORDER BY upload DESC LIMIT :limit OFFSET :offset"
_COUNT: Final = "SELECT count(*) AS number FROM judge0_submissions"
_WAITING: Final = """
    SELECT count(*) AS number FROM (
        SELECT FROM uploads u WHERE request_id IS NOT NULL AND {of_sender}
            AND NOT EXISTS (SELECT FROM job WHERE job.request_id = u.request_id AND job.status = 'executing')
        LIMIT CAST(:limit AS bigint)
    ) AS waiting
"""
#: The beginning of the executor's message about a compiler that a limit stopped.
_COMPILER_STOPPED: Final = b"Compilation: Time limit exceeded"


async def remember(connection: Connection, upload: int, token: UUID, request: Mapping[str, Any]) -> None:
    """Store the client's request of a new submission, and the submission's token."""
    values = {"upload": upload, "token": token, "request": json.dumps(request, ensure_ascii=False)}
    await connection.execute(_REMEMBER, values)


async def upload_of(connection: Connection, token: UUID, *, owner: int | None) -> int | None:
    """Return the id of a submission. None if there is none, or if it is not of the key `owner` (None: any key)."""
    row = await connection.fetch_one(_UPLOAD, {"token": token, "owner": owner})
    return row["id"] if row else None


@dataclass(frozen=True, slots=True)
class Callback:
    """The callback of a submission. `is_guarded` is False if it may go to any address."""

    token: UUID
    is_guarded: bool


async def callback_of(connection: Connection, upload: int) -> Callback | None:
    """Return the callback of a submission; None if it is gone."""
    row = await connection.fetch_one(_CALLBACK, {"upload": upload})
    return Callback(row["token"], row["is_guarded"]) if row else None


async def weights(connection: Connection, tokens: Collection[UUID], *, owner: int | None) -> dict[UUID, int]:
    """Return the approximate bytes of each of these submissions. Those that `upload_of` does not find are left out."""
    rows = await connection.fetch_all(_WEIGHTS, {"tokens": list(tokens), "owner": owner})
    return {row["token"]: row["weight"] for row in rows}


async def find(
    connection: Connection, store: ObjectStore, token: UUID, *, with_source: bool = False
) -> Judge0Submission | None:
    """Return a submission; None if there is none. Its source is read only if that is wanted."""
    row = await connection.fetch_one(_FIND, {"token": token})
    if row is None:
        return None
    request = json.loads(row["request"])
    source = await _source(store, row, request) if with_source else None
    given = {
        "token": token,
        "request": request,
        "created_at": row["created_at"],
        "source": source,
        "stdin": _decoded(row["inputs"], row["encoding"]) or None,
        "expected_output": _decoded(row["expected_output"], row["encoding"]),
    }
    if row["is_requested"] or row["outcome"] is None:
        is_running = row["is_requested"] and row["status"] == JobState.EXECUTING
        return Judge0Submission(**given, ending=Judge0End(Status.PROCESSING if is_running else Status.IN_QUEUE))
    given["finished_at"] = row["finished_at"]
    if row["verdict"] is None:
        reason = row["failure"] or "It was cancelled."
        return Judge0Submission(**given, ending=Judge0End(Status.INTERNAL_ERROR, reason))
    return await _ended(store, row, given)


async def _ended(store: ObjectStore, row: Record, given: Mapping[str, Any]) -> Judge0Submission:
    compiled = row["compile_output"].encode() if row["compile_output"] else None
    if compiled and compiled.startswith(_COMPILER_STOPPED):
        compiled = b"Compilation time limit exceeded."
    stderr: bytes | None = row["stderr_bytes"] or (row["stderr"] or "").encode() or None
    ending = ending_of(
        ProgramEnd(
            verdict=Verdict(row["verdict"]),
            exit_code=row["exit_code"],
            signal=row["signal"],
            cpu_s=row["time_s"] or 0.0,
            cpu_limit=given["request"]["cpu_time_limit"],
            stderr=stderr or b"",
        )
    )
    if ending.status is Status.COMPILATION_ERROR:
        return Judge0Submission(**given, ending=ending, compile_output=compiled)
    return Judge0Submission(
        **given,
        ending=ending,
        stdout=await raw_output(store, row["output"] or "", row["output_key"]) or None,
        stderr=stderr,
        compile_output=compiled,
        cpu_s=row["time_s"],
        wall_s=row["wall_s"],
        memory_bytes=row["memory_bytes"],
    )


async def _source(store: ObjectStore, row: Record, request: Mapping[str, Any]) -> bytes | None:
    if request["source_file"] is None:
        return None
    try:
        data = await store.get(row["object_key"])
    except ObjectNotFound:
        return None
    return unpack(data)[request["source_file"]] if row["object_key"].endswith(".zip") else data


def _decoded(text: str | None, encoding: str | None) -> bytes | None:
    return None if text is None else bytes_of(text, Encoding(encoding or Encoding.UTF_8), "text")


async def page(connection: Connection, *, limit: int, offset: int) -> tuple[list[UUID], int]:
    """Return the tokens of a page of all submissions, the newest first, and how many submissions there are."""
    rows = await connection.fetch_all(_PAGE, {"limit": limit, "offset": offset})
    count = await connection.fetch_one(_COUNT)
    assert count is not None
    return [row["token"] for row in rows], count["number"]


async def waiting(connection: Connection, sender: int | None, *, limit: int) -> int:
    """Return how many requests of a key wait to be run, counted up to `limit`. None: those that came without a key."""
    sql = _WAITING.format(of_sender="owner IS NULL" if sender is None else "owner = :sender")
    values = {"limit": limit} if sender is None else {"limit": limit, "sender": sender}
    row = await connection.fetch_one(sql, values)
    assert row is not None
    number: int = row["number"]
    return number
