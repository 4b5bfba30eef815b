"""The statements that read the resources."""

import json
from typing import Final

from shared.engine_api.languages import ALIASES

#: The code of a submission's language, which a classic call stores as its sender wrote it.
_CODES: Final = json.dumps({alias: code for code, aliases in ALIASES.items() for alias in aliases})
_LANGUAGE: Final = f"coalesce(CAST('{_CODES}' AS jsonb) ->> lower(btrim(u.language)), u.language)"


def owned(table: str) -> str:
    """Return the condition that a row of `table` belongs to the key `:owner`. If that is NULL, any row does."""
    return f"(CAST(:owner AS bigint) IS NULL OR {table}.owner = :owner)"


def shows_secrets(table: str, sees_all: str = "CAST(:sees_all AS boolean)") -> str:
    """Return the condition that who reads a row of `uploads` may see the secret tests of its problem, if it has one.

    `sees_all` says that an administrator reads it. Otherwise the key counts that has sent the submission.
    """
    return f"""(
        {table}.problem_version IS NULL OR {table}.owner IS NULL OR {sees_all} OR EXISTS (
            SELECT FROM problem_versions v JOIN api_keys ON api_keys.id = {table}.owner
            WHERE v.id = {table}.problem_version AND ('admin' = ANY (api_keys.scopes)
                OR (v.owner = {table}.owner AND 'problems' = ANY (api_keys.scopes)))
        )
    )"""


def _bounds_of(code: str, variant: str) -> str:
    """Return the expression of the limits of a language. A variant of a language has its limits."""
    return f"""coalesce(
        (SELECT details -> 'limits' FROM languages WHERE languages.code = {code}),
        (SELECT details -> 'limits' FROM languages
            WHERE details -> 'variants' @> jsonb_build_array(jsonb_build_object('code', {variant})) LIMIT 1)
    )"""  # noqa: S608  (constants)


def _bounds_of_judge(judge: str) -> str:
    code = f"u.spec -> '{judge}' ->> 'language'"
    return f"CASE WHEN {code} IS NOT NULL THEN {_bounds_of(code, code)} END"


_HAS_UNIT_TESTS: Final = "u.spec ->> 'unit_tests' IS NOT NULL"
# An engine that does not send verdicts sends the status of its answer, as the original's did.
_RUN: Final = f"""
    NOT {shows_secrets("u", "false")} AS has_secrets,
    j.id AS job, j.number, j.status, j.attempt, j.requested_at AS run_requested_at, j.created_at AS queued_at,
    j.started_at, j.finished_at, u.tests IS NOT NULL AS has_tests,
    u.spec ->> 'interactor' IS NOT NULL AS is_interactive, {_HAS_UNIT_TESTS} AS has_unit_tests,
    CASE WHEN j.status = 'executed' THEN coalesce(r.verdict, CASE WHEN r.engine ->> 'status' = '200' THEN 'ok'
        WHEN r.engine ->> 'status' = '408' THEN 'time_limit' WHEN r.engine ->> 'status' <> '' THEN 'runtime_error' END)
        END AS verdict,
    r.exit_code, r.signal, r.time_s, r.wall_s, r.memory_bytes, r.engine ->> 'language' AS engine_language,
    r.engine ->> 'info' AS engine_info, r.points_awarded, r.groups,
    CASE WHEN u.problem_version IS NOT NULL AND NOT {_HAS_UNIT_TESTS} THEN CAST(u.spec ->> 'points' AS float)
        WHEN u.tests IS NOT NULL THEN coalesce(r.points,
        (SELECT sum(CAST(test ->> 'points' AS float)) FROM jsonb_array_elements(u.tests) AS test)) END AS points
"""  # noqa: S608  (constants)
#: The texts of a test, as far as they are read, and the bytes of all of them.
_TEST_TEXTS: Final = """
    substring(stdout FOR :text_limit) AS stdout, octet_length(stdout) AS stdout_bytes,
    substring(stderr FOR :text_limit) AS stderr, octet_length(stderr) AS stderr_bytes,
    left(message, :text_limit) AS message, octet_length(message) AS message_bytes,
    left(judge_message, :text_limit) AS judge_message, octet_length(judge_message) AS judge_message_bytes
"""
_TEST_BYTES: Final = " + ".join(
    f"least(octet_length({text}), :text_limit)"
    for text in ("stdout", "stderr", "coalesce(message, '')", "coalesce(judge_message, '')")
)
_TEXTS: Final = f"""
    {shows_secrets("u")} AS shows_secrets, r.artifacts, r.artifacts_left_out,
    left(t.stdout, :text_limit) AS stdout, octet_length(t.stdout) AS stdout_bytes,
    left(t.stderr, :text_limit) AS stderr, octet_length(t.stderr) AS stderr_bytes,
    left(t.compile_output, :text_limit) AS compile_output, octet_length(t.compile_output) AS compile_output_bytes,
    left(r.message, :text_limit) AS message, octet_length(r.message) AS message_bytes,
    left(r.judge_message, :text_limit) AS judge_message, octet_length(r.judge_message) AS judge_message_bytes,
    CASE WHEN r.cut IS NULL AND r.truncated THEN ARRAY['stdout'] ELSE coalesce(r.cut, ARRAY[]::text[]) END AS cut,
    CASE WHEN u.tests IS NOT NULL THEN (
        SELECT jsonb_agg(jsonb_build_object('name', test -> 'name', 'hidden', test -> 'hidden',
            'points', test -> 'points', 'group', test -> 'group') ORDER BY nth)
        FROM jsonb_array_elements(u.tests) WITH ORDINALITY AS each (test, nth)
    ) END AS tests,
    CASE WHEN u.tests IS NOT NULL THEN (
        SELECT sum({_TEST_BYTES}) FROM test_results WHERE test_results.job = j.id
    ) END AS tests_bytes
"""  # noqa: S608  (constants)
# The CodeX call gives one text for both the diagnostics and the standard error.
_SPLIT: Final = f"""
    LEFT JOIN LATERAL (
        SELECT r.stderr IS NOT NULL OR r.compile_output IS NOT NULL OR u.tests IS NOT NULL AS is_split,
            u.tests IS NULL OR {_HAS_UNIT_TESTS} AS has_streams
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT CASE WHEN has_streams AND u.spec ->> 'interactor' IS NULL THEN r.output END AS stdout,
            CASE WHEN NOT has_streams THEN NULL WHEN is_split THEN r.stderr
                WHEN r.verdict IS DISTINCT FROM 'compile_error' THEN r.error END AS stderr,
            CASE WHEN is_split THEN r.compile_output WHEN r.verdict = 'compile_error' THEN r.error END
                AS compile_output
    ) AS t ON true
"""  # noqa: S608  (constants)
_SUBMISSION: Final = f"""
    u.id, u.language, {_LANGUAGE} AS code, u.filename, u.object_key, u.size_bytes, u.files, u.spec, u.email, u.metadata,
    u.batch, u.created_at, u.runs, u.request_id IS NOT NULL AS is_requested, u.requested_at, u.outcome, u.webhook_url,
    {_bounds_of(_LANGUAGE, "u.language")} AS bounds, {_bounds_of_judge("checker")} AS checker_bounds,
    {_bounds_of_judge("interactor")} AS interactor_bounds, jsonb_array_length(u.tests) AS number_of_tests,
    m.id AS mail, m.status AS mail_status, m.updated_at AS mail_updated_at,
    w.status AS webhook_status, w.attempt AS webhook_attempt, w.last_status AS webhook_last_status,
    w.last_error AS webhook_last_error, w.run_after AS webhook_run_after
"""
#: The state of a submission `u`. While a request is under way, its job decides between queued and running.
STATE: Final = """
    CASE WHEN u.request_id IS NULL THEN coalesce(u.outcome, 'held')
        WHEN EXISTS (SELECT FROM job WHERE job.request_id = u.request_id AND job.status = 'executing') THEN 'running'
        ELSE 'queued' END AS state
"""
#: Joins the job of the latest run of `uploads u` as `j`.
LATEST_JOB: Final = """
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
_OWNED: Final = owned("u")
FIND_SUBMISSION: Final = f"""
    SELECT {_SUBMISSION}, {_RUN}, {_TEXTS} FROM uploads u {LATEST_JOB} {_ATTACHED.format(of_run="")} {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608  (constants)
FIND_SUBMISSION_WITH_RUN: Final = f"""
    SELECT {_SUBMISSION}, {_RUN}, {_TEXTS} FROM uploads u {_PINNED_JOB}
    {_ATTACHED.format(of_run="AND webhooks.run = :run")} {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608
FIND_SUBMISSIONS: Final = f"""
    SELECT {_SUBMISSION}, {_RUN} FROM uploads u {LATEST_JOB} {_ATTACHED.format(of_run="")} WHERE u.id = ANY(:ids)
"""  # noqa: S608
#: Above the number of every run.
_NO_NUMBER: Final = 1 << 40
_OF_REQUEST: Final = "u.runs, u.request_id IS NOT NULL AS is_requested, u.requested_at"
FIND_RUN: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN}, {_TEXTS} FROM uploads u {_PINNED_JOB} LEFT JOIN results r ON r.job = j.id {_SPLIT}
    WHERE u.id = :id AND {_OWNED}
"""  # noqa: S608
FIND_LATEST_RUN: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN}, {_TEXTS} FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id {_SPLIT}
    WHERE u.id = :id AND u.runs = :run AND {_OWNED}
"""  # noqa: S608
FIND_RUNS: Final = f"""
    SELECT {_OF_REQUEST}, {_RUN}
    FROM uploads u LEFT JOIN LATERAL (
        SELECT * FROM job WHERE job.upload = u.id AND job.number < coalesce(CAST(:before AS bigint), {_NO_NUMBER})
        ORDER BY job.number DESC, job.id DESC LIMIT :limit
    ) AS j ON true LEFT JOIN results r ON r.job = j.id
    WHERE u.id = :id AND {_OWNED} ORDER BY j.number DESC, j.id DESC
"""  # noqa: S608
FIND_TESTS: Final = f"""
    SELECT number, verdict, outcome, points_awarded, {_TEST_TEXTS}, diff, cut, exit_code, signal, cpu_s, wall_s,
        memory_bytes
    FROM test_results WHERE job = :job ORDER BY number
"""  # noqa: S608
BYTES_OF_TESTS: Final = f"""
    SELECT sum({_TEST_BYTES}) AS bytes FROM test_results WHERE job = :job AND number BETWEEN :first AND :last
"""  # noqa: S608
FIND_ENDED_TESTS: Final = f"""
    SELECT t.number, uploads.tests -> (t.number - 1) AS spec, t.verdict, t.outcome, points_awarded, {_TEST_TEXTS},
        diff, cut, uploads.spec ->> 'interactor' IS NOT NULL AS is_interactive,
        uploads.spec ->> 'unit_tests' IS NOT NULL AS has_unit_tests,
        {shows_secrets("uploads")} AS shows_secrets, exit_code, signal, cpu_s, wall_s, memory_bytes
    FROM test_results t JOIN job ON job.id = t.job AND job.attempt = t.attempt
        JOIN uploads ON uploads.id = job.upload
    WHERE t.job = :job AND t.number BETWEEN :first AND :last AND uploads.tests IS NOT NULL ORDER BY t.number
"""  # noqa: S608
