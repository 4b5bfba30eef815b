"""Reads the resources from the database.

Those of the classic calls have fewer columns: what they lack is derived here, so that both read alike.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from shared.codex import LimitBounds
from shared.database.connection import Connection, Record
from shared.engine import CheckerKind, ProgramLimits, limits_in_effect
from shared.job_state import JobState
from shared.languages import ALIASES, check_lang
from shared.resources.links import Links
from shared.resources.models import (
    Comparison,
    Engine,
    File,
    Limits,
    MailState,
    MailStatus,
    Queue,
    Run,
    State,
    Submission,
    Test,
    Webhook,
    WebhookState,
    signal_name,
)
from shared.resources.queue import places
from shared.resources.texts import cut

#: Takes the bytes of the outputs of a run's tests, and raises if they are too many to be read now.
Admit = Callable[[int], object]

#: Each text is cut to this many bytes.
TEXT_LIMIT: Final = 64 << 10
_DEFAULT_TOLERANCE: Final = 1e-6
_STATES: Final = {
    None: State.QUEUED,
    JobState.NONE_EXECUTED: State.QUEUED,
    JobState.EXECUTING: State.RUNNING,
    JobState.EXECUTED: State.FINISHED,
    JobState.FAILED: State.FAILED,
    "cancelled": State.CANCELLED,
}
_NO_TEXTS: Final[Mapping[str, Any]] = {"stdout": None, "stderr": None, "compile_output": None, "truncated": []}
#: What a test that is not run, or not yet, has instead of results.
_NOT_RUN: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("verdict", "stdout", "stderr", "diff", "exit_code", "signal", "cpu_s", "wall_s", "memory_bytes")),
    "truncated": [],
}

#: What a submission has in place of a job, a mail and a webhook.
_NOTHING_YET: Final[Mapping[str, Any]] = dict.fromkeys(
    ("job", "status", "outcome", "mail", "webhook_status", "webhook_attempt", "webhook_last_status",
     "webhook_last_error", "webhook_run_after")
)  # fmt: skip

#: The code of a submission's language, which a classic call stores as its sender wrote it.
_CODES: Final = json.dumps({alias: code for code, aliases in ALIASES.items() for alias in aliases})
_LANGUAGE: Final = f"coalesce(CAST('{_CODES}' AS jsonb) ->> lower(btrim(u.language)), u.language)"

# An engine that does not send verdicts sends the status of its answer, as the original's did.
_RUN: Final = """
    j.id AS job, j.number, j.status, j.attempt, j.requested_at AS run_requested_at, j.created_at AS queued_at,
    j.started_at, j.finished_at, u.tests IS NOT NULL AS has_tests,
    CASE WHEN j.status = 'executed' THEN coalesce(r.verdict, CASE WHEN r.engine ->> 'status' = '200' THEN 'ok'
        WHEN r.engine ->> 'status' = '408' THEN 'time_limit' WHEN r.engine ->> 'status' <> '' THEN 'runtime_error' END)
        END AS verdict,
    r.exit_code, r.signal, r.time_s, r.wall_s, r.memory_bytes, r.engine ->> 'language' AS engine_language,
    btrim(r.engine ->> 'info', E' \n') AS engine_version, r.points_awarded,
    CASE WHEN u.tests IS NOT NULL THEN coalesce(r.points,
        (SELECT sum(CAST(test ->> 'points' AS float)) FROM jsonb_array_elements(u.tests) AS test)) END AS points
"""
_TEXTS: Final = """
    left(t.stdout, :text_limit) AS stdout, octet_length(t.stdout) AS stdout_bytes,
    left(t.stderr, :text_limit) AS stderr, octet_length(t.stderr) AS stderr_bytes,
    left(t.compile_output, :text_limit) AS compile_output, octet_length(t.compile_output) AS compile_output_bytes,
    CASE WHEN r.cut IS NULL AND r.truncated THEN ARRAY['stdout'] ELSE coalesce(r.cut, ARRAY[]::text[]) END AS cut,
    CASE WHEN u.tests IS NOT NULL THEN (
        SELECT jsonb_agg(jsonb_build_object('name', test -> 'name', 'hidden', test -> 'hidden',
            'points', test -> 'points') ORDER BY nth)
        FROM jsonb_array_elements(u.tests) WITH ORDINALITY AS each (test, nth)
    ) END AS tests,
    CASE WHEN u.tests IS NOT NULL THEN (
        SELECT sum(least(octet_length(stdout), :text_limit) + least(octet_length(stderr), :text_limit))
        FROM test_results WHERE test_results.job = j.id
    ) END AS tests_bytes
"""
# The CodeX call gives one text for both the diagnostics and the standard error.
_SPLIT: Final = """
    LEFT JOIN LATERAL (
        SELECT r.stderr IS NOT NULL OR r.compile_output IS NOT NULL OR u.tests IS NOT NULL AS is_split
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT CASE WHEN u.tests IS NULL THEN r.output END AS stdout,
            CASE WHEN u.tests IS NOT NULL THEN NULL WHEN is_split THEN r.stderr
                WHEN r.verdict IS DISTINCT FROM 'compile_error' THEN r.error END AS stderr,
            CASE WHEN is_split THEN r.compile_output WHEN r.verdict = 'compile_error' THEN r.error END
                AS compile_output
    ) AS t ON true
"""
_SUBMISSION: Final = f"""
    u.id, u.language, {_LANGUAGE} AS code, u.filename, u.object_key, u.size_bytes, u.files, u.spec, u.email, u.metadata,
    u.batch, u.created_at, u.runs, u.request_id IS NOT NULL AS is_requested, u.requested_at, u.outcome, u.webhook_url,
    coalesce(
        (SELECT details -> 'limits' FROM languages WHERE languages.code = {_LANGUAGE}),
        -- A variant of a language has its limits.
        (SELECT details -> 'limits' FROM languages
            WHERE details -> 'variants' @> jsonb_build_array(jsonb_build_object('code', u.language)) LIMIT 1)
    ) AS bounds,
    m.id AS mail, m.status AS mail_status, m.updated_at AS mail_updated_at,
    w.status AS webhook_status, w.attempt AS webhook_attempt, w.last_status AS webhook_last_status,
    w.last_error AS webhook_last_error, w.run_after AS webhook_run_after
"""  # noqa: S608
_LATEST_JOB: Final = """
    LEFT JOIN LATERAL (
        -- While a request is under way, the job of an earlier request is not the latest run.
        SELECT * FROM job WHERE job.upload = u.id AND (u.request_id IS NULL OR job.request_id = u.request_id)
        ORDER BY job.id DESC LIMIT 1
    ) AS j ON true
"""
_PINNED_JOB: Final = """
    JOIN LATERAL (
        SELECT * FROM job WHERE job.upload = u.id AND job.number = :run ORDER BY job.id DESC LIMIT 1
    ) AS j ON true
"""
_ATTACHED: Final = """
    LEFT JOIN results r ON r.job = j.id
    LEFT JOIN LATERAL (
        SELECT id, status, updated_at FROM emails WHERE emails.upload = u.id AND kind IN ('result', 'failure')
        ORDER BY id DESC LIMIT 1
    ) AS m ON true
    LEFT JOIN LATERAL (
        SELECT status, attempt, last_status, last_error, run_after FROM webhooks
        WHERE webhooks.upload = u.id AND u.webhook_url IS NOT NULL {of_run} ORDER BY id DESC LIMIT 1
    ) AS w ON true
"""
_OWNED: Final = "(CAST(:owner AS bigint) IS NULL OR u.owner = :owner)"
_ONE: Final = f"""
    SELECT {_SUBMISSION}, {_RUN}, {_TEXTS} FROM uploads u {_LATEST_JOB} {_ATTACHED.format(of_run="")} {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608  (constants)
_ONE_OF_RUN: Final = f"""
    SELECT {_SUBMISSION}, {_RUN}, {_TEXTS} FROM uploads u {_PINNED_JOB}
    {_ATTACHED.format(of_run="AND webhooks.run = :run")} {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608
_WHOLE: Final = f"""
    SELECT {_SUBMISSION}, {_RUN}, {_TEXTS} FROM uploads u {_LATEST_JOB} {_ATTACHED.format(of_run="")} {_SPLIT}
    WHERE u.id = ANY(:ids)
"""  # noqa: S608
_SOME: Final = f"""
    SELECT {_SUBMISSION}, {_RUN} FROM uploads u {_LATEST_JOB} {_ATTACHED.format(of_run="")} WHERE u.id = ANY(:ids)
"""  # noqa: S608
_OF_REQUEST: Final = "u.runs, u.request_id IS NOT NULL AS is_requested, u.requested_at"
_ONE_RUN: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN}, {_TEXTS} FROM uploads u {_PINNED_JOB} LEFT JOIN results r ON r.job = j.id {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608
_LATEST_RUN: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN}, {_TEXTS} FROM uploads u {_LATEST_JOB} LEFT JOIN results r ON r.job = j.id {_SPLIT}
    WHERE u.id = :id AND u.runs = :run AND {_OWNED}
"""  # noqa: S608
_RUNS: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN} FROM uploads u LEFT JOIN job j ON j.upload = u.id LEFT JOIN results r ON r.job = j.id
    WHERE u.id = :id AND {_OWNED} ORDER BY j.id DESC
"""  # noqa: S608
_TESTS: Final = """
    SELECT number, verdict, points_awarded, substring(stdout FOR :text_limit) AS stdout,
        octet_length(stdout) AS stdout_bytes, substring(stderr FOR :text_limit) AS stderr,
        octet_length(stderr) AS stderr_bytes, diff, cut, exit_code, signal, cpu_s, wall_s, memory_bytes
    FROM test_results WHERE job = :job ORDER BY number
"""

_BYTES_OF_TESTS: Final = """
    SELECT sum(least(octet_length(stdout), :text_limit) + least(octet_length(stderr), :text_limit)) AS bytes
    FROM test_results WHERE job = :job AND number BETWEEN :first AND :last
"""
_ENDED_TESTS: Final = """
    SELECT t.number, uploads.tests -> (t.number - 1) AS spec, t.verdict, points_awarded,
        substring(stdout FOR :text_limit) AS stdout, octet_length(stdout) AS stdout_bytes,
        substring(stderr FOR :text_limit) AS stderr, octet_length(stderr) AS stderr_bytes, diff, cut, exit_code, signal,
        cpu_s, wall_s, memory_bytes
    FROM test_results t JOIN job ON job.id = t.job AND job.attempt = t.attempt JOIN uploads ON uploads.id = job.upload
    WHERE t.job = :job AND t.number BETWEEN :first AND :last AND uploads.tests IS NOT NULL ORDER BY t.number
"""


async def submission(
    connection: Connection,
    upload: int,
    *,
    links: Links,
    run: int | None = None,
    text_limit: int = TEXT_LIMIT,
    owner: int | None = None,
    admit: Admit | None = None,
) -> Submission | None:
    """Return a submission with its latest run, or with the run of that number. None if there is none.

    With `owner`, only a submission of that key is found. This takes one statement, one more if it waits, and one more
    if it has tests. `admit` is called before the outputs of tests are read.
    """
    values = {"id": upload, "owner": owner, "text_limit": text_limit}
    if run is None:
        row = await connection.fetch_one(_ONE, values)
    else:
        row = await connection.fetch_one(_ONE_OF_RUN, {**values, "run": run})
    if row is None:
        return None
    state = _state(row) if run is None else _STATES[row["status"]]
    queue = (await places(connection, [upload])).get(upload) if state is State.QUEUED else None
    return _submission(row, state, links, queue, await _whole_run(connection, row, text_limit, admit))


def posted(values: Mapping[str, Any], *, links: Links, queue: Queue | None) -> Submission:
    """Return a submission that was stored just now, from the values of its row. It has no job, mail or webhook yet.

    `values` are the columns of `uploads`, with JSON as text, and `bounds`, the limits of its language.
    """
    tests = json.loads(values["tests"]) if values["tests"] else None
    points = sum(test["points"] for test in tests) if tests else None
    row: Any = {**_NOTHING_YET, "has_tests": tests is not None, "points": points, **values}
    run = _run(row, None, _tests(row, [], TEXT_LIMIT))
    return _submission(row, _state(row), links, queue, run)


async def submissions(connection: Connection, uploads: Sequence[int], *, links: Links) -> list[Submission]:
    """Return these submissions in their order, without texts and tests. Those that do not exist are left out."""
    rows = {row["id"]: row for row in await connection.fetch_all(_SOME, {"ids": list(uploads)})}
    states = {upload: _state(row) for upload, row in rows.items()}
    queues = await places(connection, [upload for upload, state in states.items() if state is State.QUEUED])
    return [
        _submission(rows[upload], states[upload], links, queues.get(upload), _run(rows[upload]))
        for upload in uploads
        if upload in rows
    ]


async def whole_submissions(
    connection: Connection, uploads: Sequence[int], *, links: Links, text_limit: int = TEXT_LIMIT
) -> dict[int, Submission]:
    """Return these submissions as `submission` does, by id. Those that do not exist are left out."""
    rows = await connection.fetch_all(_WHOLE, {"ids": list(uploads), "text_limit": text_limit})
    states = {row["id"]: _state(row) for row in rows}
    queues = await places(connection, [upload for upload, state in states.items() if state is State.QUEUED])
    return {
        row["id"]: _submission(
            row, states[row["id"]], links, queues.get(row["id"]), await _whole_run(connection, row, text_limit)
        )
        for row in rows
    }


async def run(
    connection: Connection,
    upload: int,
    number: int,
    *,
    text_limit: int = TEXT_LIMIT,
    owner: int | None = None,
    admit: Admit | None = None,
) -> Run | None:
    """Return one run of a submission; None if there is none. `admit` is as for `submission`."""
    values = {"id": upload, "run": number, "owner": owner, "text_limit": text_limit}
    row = await connection.fetch_one(_ONE_RUN, values) or await connection.fetch_one(_LATEST_RUN, values)
    return await _whole_run(connection, row, text_limit, admit) if row else None


async def runs(connection: Connection, upload: int, *, owner: int | None = None) -> list[Run] | None:
    """Return all runs of a submission, the newest first, without texts. None if there is no such submission."""
    rows = await connection.fetch_all(_RUNS, {"id": upload, "owner": owner})
    if not rows:
        return None
    found = [each for row in rows if row["job"] is not None and (each := _run(row))]
    # The job of the latest run may not be made yet.
    if rows[0]["runs"] and (not found or found[0].number < rows[0]["runs"]):
        found.insert(0, _waiting_run(rows[0]))
    return found


async def ended_tests(
    connection: Connection,
    job: int,
    *,
    first: int,
    last: int,
    text_limit: int = TEXT_LIMIT,
    admit: Admit | None = None,
) -> list[Test]:
    """Return the tests of a run with these numbers that have ended. `admit` is as for `submission`."""
    values = {"job": job, "first": first, "last": last, "text_limit": text_limit}
    if admit is not None:
        size = await connection.fetch_one(_BYTES_OF_TESTS, values)
        admit(int(size["bytes"] or 0) if size else 0)
    rows = await connection.fetch_all(_ENDED_TESTS, values)
    return [_test(row["number"], json.loads(row["spec"]), row, text_limit, is_over=False) for row in rows]


async def _whole_run(connection: Connection, row: Record, text_limit: int, admit: Admit | None = None) -> Run | None:
    """Return the run of a row with its texts and tests."""
    results: list[Record] = []
    if row["has_tests"] and row["job"] is not None:
        if admit is not None:
            admit(int(row["tests_bytes"] or 0))
        results = await connection.fetch_all(_TESTS, {"job": row["job"], "text_limit": text_limit})
    return _run(row, _texts(row, text_limit), _tests(row, results, text_limit))


def _state(row: Record) -> State:
    if row["is_requested"]:
        return State.RUNNING if row["status"] == JobState.EXECUTING else State.QUEUED
    return State(row["outcome"]) if row["outcome"] else State.HELD


def _submission(row: Record, state: State, links: Links, queue: Queue | None, run: Run | None) -> Submission:
    spec = json.loads(row["spec"]) if row["spec"] else {}
    files = [File(**file) for file in json.loads(row["files"])] if row["files"] else [_file(row)]
    return Submission(
        id=row["id"],
        state=state,
        verdict=run.verdict if run and state is State.FINISHED else None,
        language=row["code"],
        entry=row["filename"] or files[0].path,
        files=files,
        args=spec.get("args") or [],
        compiler_args=spec.get("compiler_args") or [],
        limits=_limits(spec.get("limits") or {}, row["bounds"]),
        checker=_checker(spec.get("checker") or {}),
        stop_at_first_failure=spec.get("stop_at_first_failure") or False,
        email=row["email"],
        locale=spec.get("locale") or "en",
        metadata=json.loads(row["metadata"]) if row["metadata"] else {},
        batch=row["batch"],
        created_at=row["created_at"],
        queue=queue,
        run=run,
        runs=row["runs"],
        mail=_mail(row),
        webhook=webhook_of(row),
        links=links.submission(row["id"], has_recipient=row["email"] is not None),
    )


def _file(row: Record) -> File:
    """Return the file of a classic submission. The original system's rows have neither its name nor its size."""
    code = check_lang(row["language"] or "")
    path = row["filename"] or row["object_key"] or (f"{row['id']}.{code}" if code else str(row["id"]))
    return File(path=path, size_bytes=row["size_bytes"])


def _limits(asked: Mapping[str, Any], bounds: str | None) -> Limits:
    wanted = ProgramLimits(**asked)
    # A foreign engine reports none.
    if known := json.loads(bounds or "null"):
        wanted = limits_in_effect(wanted, {name: LimitBounds(**bound) for name, bound in known.items()})
    return Limits(**wanted.model_dump())


def _checker(asked: Mapping[str, Any]) -> Comparison:
    kind = CheckerKind(asked.get("kind") or CheckerKind.LINES)
    tolerance = asked.get("tolerance")
    if kind is CheckerKind.FLOAT and tolerance is None:
        tolerance = _DEFAULT_TOLERANCE
    return Comparison(kind=kind, tolerance=tolerance)


def _mail(row: Record) -> MailStatus | None:
    if row["mail"] is None:
        return None
    return MailStatus(id=row["mail"], state=MailState(row["mail_status"]), updated_at=row["mail_updated_at"])


def webhook_of(row: Record) -> Webhook | None:
    """Return the state of the latest webhook of a submission or a batch; None if it has no `webhook_url`."""
    if row["webhook_url"] is None:
        return None
    state = WebhookState(row["webhook_status"] or WebhookState.PENDING)
    return Webhook(
        url=row["webhook_url"],
        state=state,
        attempts=row["webhook_attempt"] or 0,
        last_status=row["webhook_last_status"],
        last_error=row["webhook_last_error"],
        next_attempt_at=row["webhook_run_after"] if state is WebhookState.PENDING else None,
    )


def _run(row: Record, texts: Mapping[str, Any] | None = None, tests: list[Test] | None = None) -> Run | None:
    """Return the run of a row; None if there is none."""
    if row["job"] is None:
        return _waiting_run(row, tests) if row["is_requested"] and row["runs"] else None
    state = _STATES[row["status"]]
    return Run(
        number=row["number"],
        state=state,
        verdict=row["verdict"],
        requested_at=row["run_requested_at"],
        queued_at=row["queued_at"],
        started_at=None if state is State.QUEUED else row["started_at"],
        finished_at=row["finished_at"],
        attempt=row["attempt"],
        **(texts or _NO_TEXTS),
        exit_code=None if row["has_tests"] or row["signal"] is not None else row["exit_code"],
        signal=None if row["has_tests"] else signal_name(row["signal"]),
        cpu_s=row["time_s"],
        wall_s=row["wall_s"],
        memory_bytes=row["memory_bytes"],
        engine=Engine(language=row["engine_language"], version=row["engine_version"]),
        tests=tests,
        points=row["points"],
        points_awarded=row["points_awarded"],
    )


def _waiting_run(row: Record, tests: list[Test] | None = None) -> Run:
    """Return the latest run of a submission, which has no job yet."""
    return Run(
        number=row["runs"],
        state=State.QUEUED,
        verdict=None,
        requested_at=row["requested_at"],
        queued_at=None,
        started_at=None,
        finished_at=None,
        attempt=0,
        **_NO_TEXTS,
        exit_code=None,
        signal=None,
        cpu_s=None,
        wall_s=None,
        memory_bytes=None,
        engine=Engine(language=None, version=None),
        tests=tests,
        points=row["points"],
        points_awarded=None,
    )


def _tests(row: Record, results: Sequence[Record], text_limit: int) -> list[Test] | None:
    """Return all tests of a run, also those that have not ended."""
    if row["tests"] is None:
        return None
    ended = {result["number"]: result for result in results}
    is_over = row["status"] == JobState.EXECUTED
    return [
        _test(number, spec, ended.get(number), text_limit, is_over=is_over)
        for number, spec in enumerate(json.loads(row["tests"]), 1)
    ]


def _test(number: int, spec: Mapping[str, Any], result: Record | None, text_limit: int, *, is_over: bool) -> Test:
    known = {"number": number, "name": spec["name"], "hidden": spec["hidden"], "points": spec["points"]}
    if result is None:
        return Test(**known, **_NOT_RUN, points_awarded=0.0 if is_over else None)
    stdout, stderr = _text(result, "stdout"), _text(result, "stderr")
    return Test(
        **known,
        verdict=result["verdict"],
        points_awarded=result["points_awarded"],
        stdout=cut(stdout, text_limit),
        stderr=cut(stderr, text_limit),
        diff=result["diff"],
        truncated=_truncated(result, {"stdout": stdout, "stderr": stderr}, text_limit),
        exit_code=None if result["signal"] is not None else result["exit_code"],
        signal=signal_name(result["signal"]),
        cpu_s=result["cpu_s"],
        wall_s=result["wall_s"],
        memory_bytes=result["memory_bytes"],
    )


def _texts(row: Record, text_limit: int) -> dict[str, Any]:
    texts = {name: row[name] for name in ("stdout", "stderr", "compile_output")}
    shown: dict[str, Any] = {name: cut(text, text_limit) for name, text in texts.items()}
    return {**shown, "truncated": _truncated(row, texts, text_limit)}


def _text(result: Record, name: str) -> str:
    """Return the beginning of a test's output, which the database keeps as bytes."""
    output: bytes = result[name]
    text = output.decode("utf-8", "replace")
    # The last character may have been cut.
    return text.rstrip("\N{REPLACEMENT CHARACTER}") if result[f"{name}_bytes"] > len(output) else text


def _truncated(row: Record, texts: Mapping[str, str | None], text_limit: int) -> list[str]:
    """Return the names of the texts that are cut: by the engine, or here."""
    return [
        name
        for name, text in texts.items()
        if text is not None
        and (name in row["cut"] or row[f"{name}_bytes"] > text_limit or len(text.encode()) > text_limit)
    ]
