"""Writes outcomes. One statement writes an outcome's result, job, upload, mail and webhook, so all or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_core import to_json

from job_runner.emails.texts.templating import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import NO_FILES, Details, Outcome, StoredFiles
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.artifacts import ARTIFACTS
from shared.records.judge0.callbacks import webhook_type

_FINISH: Final = f"""
    WITH finished AS (
        UPDATE job SET status = :status, finished_at = now(), lease_id = NULL, lease_expires_at = NULL,
            -- The upload, or its file, holds the same text. Only a job that could not be run keeps it.
            job = CASE WHEN :has_result THEN NULL ELSE job END, failure = :failure
        WHERE id = :job AND lease_id = :lease_id AND status = 'executing'
        RETURNING id, upload, request_id, number
    ), freed AS (
        UPDATE uploads SET enable = greatest(enable, :enable),
            request_id = nullif(uploads.request_id, finished.request_id),
            -- Only a foreign message makes a run beside another. The end of the later one stays.
            outcome = CASE WHEN finished.number >= runs OR outcome IS NULL THEN :outcome ELSE outcome END,
            verdict = CASE WHEN finished.number >= runs OR outcome IS NULL THEN :verdict ELSE verdict END
        FROM finished WHERE uploads.id = finished.upload
        RETURNING uploads.id AS upload, finished.id AS job, number, owner, batch, webhook_url,
            spec ->> 'locale' AS locale, pg_notify('{channels.SUBMISSIONS}', CAST(uploads.id AS text))
    ), mailed AS (
        INSERT INTO emails (job, kind, recipient, subject, text, html, message_id, upload, locale, attachments)
        SELECT job, :kind, :recipient, :subject, :text, :html, :message_id, upload, locale,
            CAST(:attachments AS jsonb)
        FROM freed
        WHERE :recipient <> ''
            -- While a batch runs, its digest is the mail of its submissions.
            AND (batch IS NULL
                OR NOT EXISTS (SELECT FROM batches WHERE batches.id = batch AND digest AND finished_at IS NULL))
        RETURNING pg_notify('{channels.EMAILS}', '')
    ), stored AS (
        INSERT INTO results (job, upload, output, filelink, output_key, verdict, error, exit_code, signal, time_s,
            wall_s, memory_bytes, truncated, engine, stderr, stderr_bytes, compile_output, cut, points, points_awarded,
            artifacts, artifacts_left_out, message, judge_message, groups)
        SELECT id, upload, :output, :filelink, :output_key, :verdict, :error, :exit_code, :signal, :time_s, :wall_s,
            :memory_bytes, :truncated, CAST(:engine AS jsonb), :stderr, :stderr_bytes, :compile_output,
            CAST(:cut AS text[]), :points, :points_awarded, CAST(:artifacts AS jsonb),
            CAST(:artifacts_left_out AS jsonb), :message, :judge_message, CAST(:groups AS jsonb)
        FROM finished WHERE :has_result
    ), announced AS (
        INSERT INTO webhooks (owner, upload, run, type, url)
        SELECT owner, upload, number, {webhook_type("freed.upload", "'submission.' || :outcome")}, webhook_url
        FROM freed
        WHERE webhook_url IS NOT NULL
            AND NOT EXISTS (SELECT FROM webhooks WHERE webhooks.upload = freed.upload AND webhooks.status = 'gone')
        RETURNING pg_notify('{channels.WEBHOOKS}', '')
    )
    SELECT id, (SELECT pg_notify('{channels.BATCHES}', CAST(batch AS text)) FROM freed WHERE batch IS NOT NULL)
    FROM finished
"""  # noqa: S608  (constants)


#: The fields of an answer that are columns of its result.
_MEASURES: Final = ("exit_code", "signal", "time_s", "wall_s", "memory_bytes", "truncated")


@dataclass(frozen=True, slots=True)
class JobResult:
    """The end of a claimed job: its outcome, its stored files, and its mail if it has a recipient."""

    job: ClaimedJob
    outcome: Outcome
    email: RenderedEmail | None
    files: StoredFiles = NO_FILES


async def finish(connection: Connection, results: Sequence[JobResult]) -> list[bool]:
    """Complete the jobs whose leases are still ours. Return False for each of the others, which are not written."""
    # Locks are taken in one order everywhere, to avoid deadlocks: jobs by (upload, id), each before its upload.
    ordered = sorted(results, key=lambda result: (result.job.upload, result.job.id))
    rows = await connection.fetch_each(_FINISH, [_values(result) for result in ordered])
    finished = {row["id"] for row in rows}
    return [result.job.id in finished for result in results]


def _values(result: JobResult) -> dict[str, object]:
    job, outcome, files, email = result.job, result.outcome, result.files, result.email
    answer, details = outcome.answer, outcome.details or Details(None, None)
    engine = answer.model_dump_json(by_alias=True, exclude={"output", "error"}) if answer else None
    return {
        "status": outcome.state,
        "job": job.id,
        "lease_id": job.lease_id,
        "failure": strip_nul(outcome.reason) if outcome.reason else None,
        "enable": int(outcome.blocks_upload),
        "kind": "result" if answer else "failure",
        "recipient": job.recipient if email else "",
        **(email.columns if email else dict.fromkeys(("subject", "text", "html", "message_id", "attachments"))),
        "has_result": answer is not None,
        "output": strip_nul(answer.output) if answer and (outcome.tests is None or details.has_unit_tests) else None,
        "error": strip_nul(answer.error) if answer else None,
        "filelink": files.filelink,
        "output_key": files.output_key,
        "verdict": outcome.verdict,
        **{name: getattr(answer, name, None) for name in _MEASURES},
        "engine": engine.replace("\\u0000", "\\ufffd") if engine else None,
        "outcome": "finished" if answer else "failed",
        "stderr": None if details.stderr is None else strip_nul(details.stderr),
        "stderr_bytes": _bytes_of_stderr(details),
        "compile_output": None if details.compile_output is None else strip_nul(details.compile_output),
        "cut": list(details.cut) if outcome.details else None,
        "points": details.points,
        "points_awarded": details.points_awarded,
        "artifacts": None if files.artifacts is None else ARTIFACTS.dump_json(files.artifacts).decode(),
        "artifacts_left_out": to_json(details.artifacts_left_out).decode() if details.artifacts_left_out else None,
        "message": strip_nul(details.message) if details.message else None,
        "judge_message": strip_nul(details.judge_message) if details.judge_message else None,
        "groups": to_json(details.graded.groups).decode() if details.graded else None,
    }


def _bytes_of_stderr(details: Details) -> bytes | None:
    """Return the standard error as bytes if the database cannot store all of it as text; otherwise None."""
    if details.stderr_bytes is None and details.stderr is not None and strip_nul(details.stderr) != details.stderr:
        return details.stderr.encode("utf-8", "replace")
    return details.stderr_bytes
