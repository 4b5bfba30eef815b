"""Writes outcomes: result, job, upload and mail of one in one statement, so all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from job_runner.claim import ClaimedJob
from job_runner.emails.render import RenderedEmail
from job_runner.outcome import Outcome
from job_runner.storable import storable
from shared.database.connection import Connection

_FINISH: Final = """
    WITH finished AS (
        UPDATE job SET status = :status, finished_at = now(), lease_id = NULL, lease_expires_at = NULL,
            -- The upload and its file hold the same; only what was not executed may be looked at again.
            job = CASE WHEN :has_result THEN NULL ELSE job END, failure = :failure
        WHERE id = :job AND lease_id = :lease_id AND status = 'executing'
        RETURNING id, upload, request_id
    ), freed AS (
        UPDATE uploads SET enable = greatest(enable, :enable),
            request_id = nullif(uploads.request_id, finished.request_id)
        FROM finished WHERE uploads.id = finished.upload
    ), mailed AS (
        INSERT INTO emails (job, kind, recipient, subject, text, html, message_id)
        SELECT id, :kind, :recipient, :subject, :text, :html, :message_id FROM finished
    ), stored AS (
        INSERT INTO results (job, upload, output, filelink, output_key, verdict, error, exit_code, signal, time_s,
            wall_s, memory_bytes, truncated, engine)
        SELECT id, upload, :output, :filelink, :output_key, :verdict, :error, :exit_code, :signal, :time_s, :wall_s,
            :memory_bytes, :truncated, CAST(:engine AS jsonb)
        FROM finished WHERE :has_result
    )
    SELECT id, pg_notify('precieux_emails', '') FROM finished
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claimed job ended, and the mail that tells it; `output_key` and `filelink` are None without an output."""

    job: ClaimedJob
    outcome: Outcome
    email: RenderedEmail
    output_key: str | None = None
    filelink: str | None = None


async def finish(connection: Connection, endings: Sequence[Ending]) -> list[bool]:
    """Complete each job whose lease is still ours; False, and nothing written, for one whose is not."""
    # Locks are taken in one order everywhere, to avoid deadlocks: jobs by (upload, id), each before its upload.
    ordered = sorted(endings, key=lambda ending: (ending.job.upload, ending.job.id))
    rows = await connection.fetch_each(_FINISH, [_values(ending) for ending in ordered])
    finished = {row["id"] for row in rows}
    return [ending.job.id in finished for ending in endings]


def _values(ending: Ending) -> dict[str, object]:
    job, outcome, email = ending.job, ending.outcome, ending.email
    answer = outcome.answer
    engine = answer.model_dump_json(by_alias=True, exclude={"output", "error"}) if answer else None
    return {
        "status": outcome.state,
        "job": job.id,
        "lease_id": job.lease_id,
        "failure": storable(outcome.reason) if outcome.reason else None,
        "enable": int(outcome.blocks_upload),
        "kind": "result" if answer else "failure",
        "recipient": job.recipient,
        "subject": email.subject,
        "text": storable(email.text),
        "html": storable(email.html),
        "message_id": email.message_id,
        "has_result": answer is not None,
        "output": storable(answer.output) if answer else None,
        "error": storable(answer.error) if answer else None,
        "filelink": ending.filelink,
        "output_key": ending.output_key,
        "verdict": outcome.verdict,
        "exit_code": answer.exit_code if answer else None,
        "signal": answer.signal if answer else None,
        "time_s": answer.time_s if answer else None,
        "wall_s": answer.wall_s if answer else None,
        "memory_bytes": answer.memory_bytes if answer else None,
        "truncated": answer.truncated if answer else None,
        "engine": engine.replace("\\u0000", "\\ufffd") if engine else None,
    }
