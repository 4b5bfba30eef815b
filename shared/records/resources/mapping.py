"""Turns rows of the database into resources. Pure.

Rows of the classic calls have fewer values. What they lack is derived, so that both kinds read alike.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.adapters.database.connection import Record
from shared.engine_api.artifacts import ARTIFACTS
from shared.engine_api.codex import version_in
from shared.engine_api.job_program import BOUNDS, Bounds
from shared.engine_api.languages import check_lang
from shared.engine_api.program import TESTS, JudgeSpec, Program, TestSpec
from shared.engine_api.run_call.limits import ProgramLimits, judge_limits_in_effect, limits_in_effect
from shared.engine_api.run_call.request import CheckerKind
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.records.operations.job_state import JobState
from shared.records.resources.links import Links
from shared.records.resources.models import (
    AnyChecker,
    Artifact,
    CheckerProgram,
    Comparison,
    Engine,
    File,
    GroupResult,
    IcpcComparison,
    Judge,
    Limits,
    MailStatus,
    Queue,
    Run,
    Submission,
    Test,
    UnitTestSuite,
    Webhook,
    signal_name,
)
from shared.records.resources.states import MailState, State, WebhookState
from shared.records.resources.texts import cut

#: The first steps of coarse measures.
_STEPS: Final = {"cpu_s": 0.1, "wall_s": 0.1, "memory_bytes": 16 << 20}
#: A program with unit tests has so many times the CPU seconds of one test, unless it says another number.
TOTAL_CPU: Final = 10
#: Each text is cut to this many bytes.
TEXT_LIMIT: Final = 64 << 10

#: A run's state by that of its job, None if it has no job yet.
STATES: Final = {
    None: State.QUEUED,
    JobState.NONE_EXECUTED: State.QUEUED,
    JobState.EXECUTING: State.RUNNING,
    JobState.EXECUTED: State.FINISHED,
    JobState.FAILED: State.FAILED,
    JobState.CANCELLED: State.CANCELLED,
}


def state_of(row: Record) -> State:
    """Return the state of a submission."""
    if row["is_requested"]:
        return State.RUNNING if row["status"] == JobState.EXECUTING else State.QUEUED
    return State(row["outcome"]) if row["outcome"] else State.HELD


def submission_of(row: Record, state: State, links: Links, queue: Queue | None, run: Run | None) -> Submission:
    bounds = {
        name: BOUNDS.validate_json(row[column] or "null")
        for name, column in (("", "bounds"), ("checker", "checker_bounds"), ("interactor", "interactor_bounds"))
    }
    files = [File(**file) for file in json.loads(row["files"])] if row["files"] else [_file(row)]
    return Submission(
        id=row["id"],
        state=state,
        verdict=run.verdict if run and state is State.FINISHED else None,
        language=row["code"],
        entry=row["filename"] or files[0].path,
        files=files,
        **shown(Program.of_column(row["spec"]), bounds, row["number_of_tests"], row["points"]),
        email=row["email"],
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


def shown(
    program: Program, bounds: Mapping[str, Bounds | None], tests: int | None = None, points: float | None = None
) -> dict[str, Any]:
    """Return what a submission shows of its program.

    `bounds` are those of its language, and of the languages of its judges, by the names of these. `tests` and `points`
    are those of all its tests.
    """
    interactor = program.interactor
    return {
        "problem": program.problem,
        "args": program.args,
        "compiler_args": program.compiler_args,
        "limits": _limits(program.limits, bounds.get("")),
        "checker": _checker(program, bounds.get("checker")),
        "interactor": Judge(**_judge(interactor, bounds.get("interactor"))) if interactor else None,
        "unit_tests": _unit_tests(program, bounds.get(""), tests, points),
        "stop_at_first_failure": program.stop_at_first_failure,
        "stop_after_time_limits": program.stop_after_time_limits,
        "locale": program.locale,
    }


def _file(row: Record) -> File:
    """Return the file of a classic submission. The original system's rows have neither its name nor its size."""
    code = check_lang(row["language"] or "")
    path = row["filename"] or row["object_key"] or (f"{row['id']}.{code}" if code else str(row["id"]))
    return File(path=path, size_bytes=row["size_bytes"])


def _limits(
    limits: ProgramLimits,
    bounds: Bounds | None,
    in_effect: Callable[[ProgramLimits, Bounds], ProgramLimits] = limits_in_effect,
) -> Limits:
    return Limits(**(in_effect(limits, bounds) if bounds else limits).model_dump())


def _judge(judge: JudgeSpec, bounds: Bounds | None) -> dict[str, Any]:
    keys = judge.model_dump(include=Judge.model_fields.keys() - {"limits"})
    return {**keys, "limits": _limits(judge.limits, bounds, judge_limits_in_effect)}


def _unit_tests(
    program: Program, bounds: Bounds | None, tests: int | None, points: float | None
) -> UnitTestSuite | None:
    unit_tests = program.unit_tests
    if unit_tests is None:
        return None
    keys = unit_tests.model_dump(include=UnitTestSuite.model_fields.keys() - {"limits", "total_cpu_s"})
    limits, cpu_s = _limits(unit_tests.limits, bounds, judge_limits_in_effect), _limits(program.limits, bounds).cpu_s
    total_cpu_s = unit_tests.total_cpu_s or (cpu_s and TOTAL_CPU * cpu_s)
    return UnitTestSuite(**keys, limits=limits, total_cpu_s=total_cpu_s, tests=tests, points=points if tests else None)


def _checker(program: Program, bounds: Bounds | None) -> AnyChecker | None:
    """Return how outputs are compared; None if the problem, unit tests or an interactor alone decide."""
    if program.problem or program.unit_tests or (program.interactor and not isinstance(program.checker, JudgeSpec)):
        return None
    if isinstance(program.checker, JudgeSpec):
        return CheckerProgram(**_judge(program.checker, bounds))
    checker = program.comparison
    if checker.kind is CheckerKind.ICPC:
        return IcpcComparison(kind=checker.kind, args=list(checker.args))
    return Comparison.model_validate({"kind": checker.kind, "tolerance": checker.tolerance})


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


def run_of(row: Record, texts: Mapping[str, Any] | None = None, tests: list[Test] | None = None) -> Run | None:
    """Return the run of a row; None before the first run."""
    if row["job"] is None:
        is_waiting = row["is_requested"] and row["runs"]
        return waiting_run(row["runs"], row["requested_at"], row["points"], tests) if is_waiting else None
    state = STATES[row["status"]]
    measures = {"cpu_s": row["time_s"], "wall_s": row["wall_s"], "memory_bytes": row["memory_bytes"]}
    return Run(
        number=row["number"],
        state=state,
        verdict=row["verdict"],
        requested_at=row["run_requested_at"],
        queued_at=row["queued_at"],
        started_at=None if state is State.QUEUED else row["started_at"],
        finished_at=row["finished_at"],
        attempt=row["attempt"],
        **(texts or {}),
        exit_code=None if row["has_tests"] or row["signal"] is not None else row["exit_code"],
        signal=None if row["has_tests"] else signal_name(row["signal"]),
        **(coarse(measures) if row["has_secrets"] else measures),
        engine=Engine(language=row["engine_language"], version=version_in(row["engine_info"] or "")),
        tests=tests,
        groups=None if row["groups"] is None else [GroupResult(**group) for group in json.loads(row["groups"])],
        points=row["points"],
        points_awarded=row["points_awarded"],
    )


def waiting_run(number: int, requested_at: datetime, points: float | None, tests: list[Test] | None = None) -> Run:
    """Return a run that has no job yet."""
    return Run(
        number=number,
        state=State.QUEUED,
        requested_at=requested_at,
        attempt=0,
        engine=Engine(language=None, version=None),
        tests=tests,
        points=points,
    )


def tests_of(row: Record, results: Sequence[Record], text_limit: int) -> list[Test] | None:
    """Return all tests of a run, also those that have not ended."""
    if row["tests"] is None:
        return None
    ended = {result["number"]: result for result in results}
    is_over = row["status"] == JobState.EXECUTED
    return [
        test_of(row, number, spec, ended.get(number), text_limit, is_over=is_over)
        for number, spec in enumerate(TESTS.validate_json(row["tests"]), 1)
    ]


def test_of(row: Record, number: int, spec: TestSpec, result: Record | None, text_limit: int, *, is_over: bool) -> Test:
    """Return a test of the run of a row. The output of a program that talks with an interactor is not kept.

    If not `shows_secrets`, a hidden test has its verdict and its points alone: its program could tell its input by its
    output, its exit code, its time or its memory. Of hidden unit tests there is no verdict, name and message either.
    """
    content = spec.shown(number)
    is_secret, is_unit_test = spec.hidden and not row["shows_secrets"], row["has_unit_tests"]
    if is_secret and is_unit_test:
        content |= {"name": hidden_name(number), "group": None}
    if result is None:
        outcome = UnitTestOutcome.NOT_RUN if is_over and is_unit_test else None
        awarded = 0.0 if is_over else None
        return Test(**content, outcome=outcome, points_awarded=awarded, truncated=None if is_secret else [])
    content |= {name: result[name] for name in ("verdict", "outcome", "points_awarded")}
    if is_secret and is_unit_test:
        return Test(**{**content, "verdict": None}, truncated=None)
    if is_secret:
        return Test(**content, message=cut(result["message"], text_limit), truncated=None)
    texts: dict[str, str | None] = {name: _text(result, name) for name in ("stdout", "stderr")}
    texts |= {name: result[name] for name in ("message", "judge_message")}
    if row["is_interactive"]:
        texts["stdout"] = None
    if is_unit_test and not row["shows_secrets"]:
        texts["judge_message"] = None  # it quotes the tests
    shown: dict[str, Any] = {name: cut(text, text_limit) for name, text in texts.items()}
    return Test(
        **content,
        **shown,
        diff=result["diff"],
        truncated=_truncated(result, texts, text_limit),
        exit_code=None if result["signal"] is not None else result["exit_code"],
        signal=signal_name(result["signal"]),
        cpu_s=result["cpu_s"],
        wall_s=result["wall_s"],
        memory_bytes=result["memory_bytes"],
    )


def for_recipient(submission: Submission) -> Submission:
    """Return a submission as its page shows it: beside hidden tests, the measures of its run are coarse."""
    if submission.unit_tests:
        submission = _without_hidden(submission)
    run = submission.run
    if run is None or not any(test.hidden for test in run.tests or ()):
        return submission
    return submission.model_copy(update={"run": run.model_copy(update=coarse(run.model_dump(include={*_STEPS})))})


def _without_hidden(submission: Submission) -> Submission:
    """Return the submission with only the outcome and the points of its hidden unit tests, whose very names tell."""
    run, keys = submission.run, ("number", "hidden", "outcome", "points", "points_awarded")
    if run is None or run.tests is None:
        return submission
    tests = [
        Test(name=hidden_name(test.number), **test.model_dump(include={*keys})) if test.hidden else test
        for test in run.tests
    ]
    return submission.model_copy(update={"run": run.model_copy(update={"tests": tests})})


def hidden_name(number: int) -> str:
    """Return the name that people read of a hidden unit test."""
    return f"hidden {number}"


def coarse(measures: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the measures of a run with secret tests, each rounded up to a step that is twice the one before.

    A program may use time or memory as an input says, so exact measures would tell the input.
    """
    return {
        name: value and _STEPS[name] * 2 ** max(0, math.ceil(math.log2(value / _STEPS[name])))
        for name, value in measures.items()
    }


def texts_of(row: Record, text_limit: int) -> dict[str, Any]:
    names = ("stdout", "stderr", "compile_output", "message", *(("judge_message",) if row["shows_secrets"] else ()))
    texts = {name: row[name] for name in names}
    shown: dict[str, Any] = {name: cut(text, text_limit) for name, text in texts.items()}
    return {**shown, "truncated": _truncated(row, texts, text_limit)}


def artifacts_of(row: Record, upload: int, links: Links) -> dict[str, Any]:
    """Return the artifacts of a run, and how many entries of the folder were left out for each reason."""
    stored = None if row["artifacts"] is None else ARTIFACTS.validate_json(row["artifacts"])
    shown = [
        Artifact(
            name=artifact.name,
            bytes=artifact.bytes,
            media_type=artifact.media_type,
            url=links.artifact(upload, row["number"], artifact.name),
        )
        for artifact in stored or ()
    ]
    return {
        "artifacts": None if stored is None else shown,
        "artifacts_left_out": json.loads(row["artifacts_left_out"] or "{}"),
    }


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
