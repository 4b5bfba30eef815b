"""Renders the mails that the API has asked for: receipts, and results that are mailed again.

The API's role may neither read nor write texts of mails. It adds a row that says what is wanted; a row without a
Message-ID is not sent before it has been rendered.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.receipt import render_receipt
from job_runner.emails.texts.result_mail import render
from job_runner.emails.texts.templating import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import Details, Outcome, StoredFiles, TestOutcome, decide
from job_runner.verdict.program_answer import failed_test
from shared.adapters.database.connection import Connection, Database, Record
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.engine_api.artifacts import ARTIFACTS
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.job_program import BOUNDS, case_limits
from shared.engine_api.program import TESTS, Override, Program
from shared.engine_api.run_call.events import GOOD_VERDICTS, LeftOut
from shared.judging.grading.fold import RunResult
from shared.records.messages.translations import SOURCE_LOCALE
from shared.records.resources.queue_positions import places

log = get_logger(__name__)

_BATCH: Final = 20
#: Bytes that are read of the standard error of a test, more than a mail shows of it.
_STDERR_BYTES: Final = 16 << 10

_TAKE: Final = """
    SELECT id, kind, job, upload, locale FROM emails WHERE status = 'queued' AND message_id IS NULL
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_STORE: Final = """
    UPDATE emails SET recipient = :recipient, subject = :subject, text = :text, html = :html, message_id = :message_id,
        attachments = CAST(:attachments AS jsonb), updated_at = now()
    WHERE id = :id
"""
_REFUSE: Final = "UPDATE emails SET status = 'refused', last_error = :error, updated_at = now() WHERE id = :id"
_OF_UPLOAD: Final = """
    u.id AS upload, u.email, u.filename, u.language, u.spec IS NULL AS is_classic, u.spec ->> 'locale' AS locale,
    coalesce((SELECT coalesce(p.title, v.summary ->> 'title') || ' (' || p.name || '@' || v.version || ')'
        FROM problem_versions v JOIN problems p ON p.name = v.problem WHERE v.id = u.problem_version), '') AS problem
"""
_RECEIPT: Final = f"""
    SELECT {_OF_UPLOAD}, coalesce(u.request_id, first.request_id) AS request_id
    FROM uploads u
    LEFT JOIN LATERAL (SELECT request_id FROM job WHERE upload = u.id ORDER BY id LIMIT 1) AS first ON true
    WHERE u.id = :upload
"""  # noqa: S608  (constants)
_RESULT: Final = f"""
    SELECT {_OF_UPLOAD}, job.request_id, job.attempt, job.lease_id, job.number,
        coalesce(job.requested_at, job.created_at) AS requested_at,
        r.output, r.error, r.engine, r.output_key, r.stderr, r.compile_output, r.cut, r.artifacts,
        r.artifacts_left_out, r.message, r.points, r.points_awarded, r.groups, u.tests,
        u.spec, u.override,
        (SELECT details -> 'limits' FROM languages WHERE languages.code = u.language) AS bounds,
        (SELECT jsonb_object_agg(number, jsonb_build_object('verdict', verdict, 'cpu_s', cpu_s,
                'memory_bytes', memory_bytes, 'scored', points_awarded, 'outcome', outcome))
            FROM test_results WHERE test_results.job = job.id) AS ended
    FROM job JOIN uploads u ON u.id = job.upload JOIN results r ON r.job = job.id WHERE job.id = :job
"""  # noqa: S608
_FAILED_TESTS: Final = """
    SELECT number, verdict, diff, substring(stderr FOR :length) AS stderr, left(message, :length) AS message,
        CASE WHEN outcome IS NOT NULL THEN substring(stdout FOR :length) END AS stdout
    FROM test_results
    WHERE job = :job AND number = ANY(:numbers) AND (verdict <> ALL(:good) OR message IS NOT NULL) ORDER BY number
"""


class _NothingToMail(Exception):
    """The submission of a mail does not exist any more, or has no result."""


class PendingMails:
    """Renders pending mails. Any number of runners may do it at once."""

    def __init__(self, database: Database, store: ObjectStore, branding: Branding) -> None:
        self._database = database
        self._store = store
        self._branding = branding

    async def render(self) -> int:
        """Render what is pending, and return how many mails that were."""
        async with self._database.transaction() as connection:
            pending = await connection.fetch_all(_TAKE, {"limit": _BATCH})
            for row in pending:
                await self._render(connection, row)
        return len(pending)

    async def _render(self, connection: Connection, row: Record) -> None:
        try:
            # A savepoint, so that a failed statement does not abort the transaction of the other mails.
            async with self._database.transaction():
                await self._write(connection, row)
        except DatabaseUnavailable:
            raise
        except _NothingToMail:
            await connection.execute(_REFUSE, {"id": row["id"], "error": "its submission was deleted"})
        except Exception as exc:
            # A defect of ours. Without this, the other mails would wait for it.
            log.exception("mail.not_rendered", mail=row["id"], kind=row["kind"])
            await connection.execute(_REFUSE, {"id": row["id"], "error": f"an internal error ({type(exc).__name__})"})

    async def _write(self, connection: Connection, row: Record) -> None:
        recipient, email = await (self._receipt if row["kind"] == "receipt" else self._result)(connection, row)
        await connection.execute(_STORE, {"id": row["id"], "recipient": recipient, **email.columns})

    async def _receipt(self, connection: Connection, row: Record) -> tuple[str, RenderedEmail]:
        upload = await connection.fetch_one(_RECEIPT, {"upload": row["upload"]})
        if upload is None or upload["email"] is None:
            raise _NothingToMail
        queue = (await places(connection, [row["upload"]])).get(row["upload"])
        job = _job(upload, locale=row["locale"])
        return upload["email"], render_receipt(job, queue, self._branding, datetime.now(UTC), problem=upload["problem"])

    async def _result(self, connection: Connection, row: Record) -> tuple[str, RenderedEmail]:
        """Render the mail of a result again. Its link to the output works for another week."""
        stored = await connection.fetch_one(_RESULT, {"job": row["job"]})
        if stored is None or stored["email"] is None or stored["engine"] is None:
            raise _NothingToMail
        outcome = await _outcome(connection, row["job"], stored)
        key = stored["output_key"]
        link = None if key is None else await self._store.link(key)
        job = replace(
            _job(stored),
            id=row["job"],
            attempt=stored["attempt"],
            number=stored["number"],
            requested_at=stored["requested_at"],
        )
        files = StoredFiles(key, link, tuple(ARTIFACTS.validate_json(stored["artifacts"] or "[]")))
        email = render(job, outcome, self._branding, files)
        return job.recipient, replace(email, message_id=self._branding.repeated_id(job.request_id, row["id"]))


def _job(row: Record, *, locale: str | None = None) -> ClaimedJob:
    """Return what a mail needs of a submission. It has no lease."""
    return ClaimedJob(
        0,
        row["upload"],
        row["email"],
        None,
        row["request_id"] or UUID(int=row["upload"]),
        1,
        UUID(int=0),
        filename=row["filename"],
        is_classic=row["is_classic"],
        locale=locale or row["locale"] or SOURCE_LOCALE,
        language=row["language"] or "",
    )


async def _outcome(connection: Connection, job: int, stored: Record) -> Outcome:
    engine: dict[str, Any] = json.loads(stored["engine"])
    answer = RunResponse.model_validate({**engine, "output": stored["output"] or "", "error": stored["error"] or ""})
    if stored["stderr"] is None and stored["compile_output"] is None and stored["tests"] is None:
        return decide(answer)
    program, bounds = Program.of_column(stored["spec"]), BOUNDS.validate_json(stored["bounds"] or "null")
    limits = Override.model_validate_json(stored["override"] or "{}").limits.over(program.limits)
    details = Details(
        stored["stderr"],
        stored["compile_output"],
        tuple(stored["cut"] or ()),
        artifacts_left_out={
            LeftOut(reason): count for reason, count in json.loads(stored["artifacts_left_out"] or "{}").items()
        },
        message=stored["message"],
        is_interactive=program.interactor is not None,
        is_judged=answer.verdict is not Verdict.JUDGE_ERROR,
        has_unit_tests=program.unit_tests is not None,
    )
    if stored["tests"] is None and program.unit_tests is None:
        return decide(answer, replace(details, limits=case_limits(limits, None, bounds)))
    specs, ended = TESTS.validate_json(stored["tests"] or "[]"), json.loads(stored["ended"] or "{}")
    tests = [
        TestOutcome(
            test.name,
            test.hidden,
            test.points,
            **ended.get(str(number), {}),
            limits=case_limits(limits, test.limits, bounds),
        )
        for number, test in enumerate(specs, 1)
    ]
    shown = [number for number, test in enumerate(tests, 1) if test.verdict is not None and not test.hidden]
    values = {"job": job, "numbers": shown, "length": _STDERR_BYTES, "good": list(map(str, GOOD_VERDICTS))}
    rows = await connection.fetch_all(_FAILED_TESTS, values)
    texts = tuple(
        failed_test(
            tests[row["number"] - 1].name,
            # Inputs of a problem are not in the row.
            specs[row["number"] - 1].stdin,
            row["diff"],
            bytes(row["stderr"]).decode("utf-8", "replace"),
            Verdict(row["verdict"]),
            row["message"],
            (row["stdout"] or b"").decode("utf-8", "replace"),
        )
        for row in rows
    )
    graded = None
    if stored["groups"] is not None:
        texts = texts[:1]
        graded = RunResult(
            verdict=answer.verdict or Verdict.OK,
            groups=json.loads(stored["groups"]),
            **{name: stored[name] for name in ("points", "points_awarded")},
        )
    details = replace(details, tests=tuple(tests), failed=texts, graded=graded, problem=stored["problem"])
    return decide(answer, details)
