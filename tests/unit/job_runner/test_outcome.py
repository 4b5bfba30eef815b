"""The whole table of `decide`: every verdict and status."""

from collections.abc import Callable

import pytest

from job_runner.verdict.outcome import MAX_RERUNS, check_load, decide, give_up
from job_runner.verdict.program_answer import WRONG
from job_runner.verdict.program_answer import _error as classic_error
from shared.common.service.errors import EngineUnavailable
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.events import Compiled, TestEnded
from shared.records.operations.job_state import JobState
from tests.factories import ended_test


def answer(*, status: int = 200, verdict: Verdict | None = None) -> RunResponse:
    return RunResponse(timeStamp=1, status=status, verdict=verdict)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdicts_ok_and_accepted_are_successes(verdict: Verdict) -> None:
    outcome = decide(answer(verdict=verdict))
    assert outcome.state is JobState.EXECUTED
    assert outcome.success == (verdict in (Verdict.OK, Verdict.ACCEPTED))
    assert outcome.blocks_upload == (not outcome.success and verdict is not Verdict.JUDGE_ERROR)


@pytest.mark.parametrize(("status", "success"), [(200, True), (400, False), (408, False), (500, False)])
def test_without_a_verdict_the_bodys_status_decides(status: int, success: bool) -> None:
    outcome = decide(answer(status=status))
    assert outcome.success is success
    assert outcome.blocks_upload is not success
    assert outcome.state is JobState.EXECUTED


def test_a_program_that_could_not_run_stays_enabled() -> None:
    outcome = give_up("the engine is gone")
    assert outcome.state is JobState.FAILED
    assert not outcome.success
    assert not outcome.blocks_upload


def timed_out(**changes: float | str | None) -> RunResponse:
    fields = {
        "timeStamp": 1,
        "status": 408,
        "verdict": "time_limit",
        "time_s": 1.0,
        "wall_s": 30.0,
        "cpu_pressure": 0.9,
    }
    return RunResponse.model_validate({**fields, **changes})


def a_compilation(**changes: float | str | None) -> Compiled:
    fields = {"verdict": "compile_error", "error": "", "output": "", "truncated": False, "memory_bytes": 1}
    return Compiled.model_validate({**fields, "cpu_s": 8.0, "wall_s": 70.0, "cpu_pressure": 0.9, **changes})


def rejected(**changes: float | str | None) -> RunResponse:
    return timed_out(**{"verdict": "compile_error", "status": 200, **changes})


def a_test(**changes: float | str | None) -> TestEnded:
    stopped = {"verdict": "time_limit", "exit_code": None, "signal": 9, "cpu_s": 1, "wall_s": 30, "cpu_pressure": 0.9}
    return ended_test(2, **{**stopped, **changes})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"verdict": "ok", "stderr": "note"}, "note"),
        ({"verdict": "runtime_error", "error": "Exited with code 3.", "signal": None}, "Exited with code 3."),
        ({"verdict": "runtime_error", "error": "Exited with code 3.", "stderr": "why", "signal": None}, "why"),
        ({"verdict": "runtime_error", "error": "Killed by signal 6.", "stderr": "x"}, "Killed by signal 6.\nx"),
        ({"error": "Time limit exceeded.", "stderr": "x"}, "Time limit exceeded.\nx"),
        ({}, "time_limit."),
        ({"verdict": "wrong_answer"}, WRONG),
    ],
)
def test_the_classic_error_is_the_reason_and_the_stream(changes: dict[str, str | None], error: str) -> None:
    assert classic_error(a_test(**changes)) == error


def runs_again(answer: RunResponse | Compiled | TestEnded, attempt: int) -> bool:
    try:
        check_load(answer, attempt)
    except EngineUnavailable:
        return True
    return False


@pytest.mark.parametrize("answer", [timed_out(), a_test()])
def test_a_wall_limit_under_load_is_tried_three_times(answer: RunResponse | TestEnded) -> None:
    assert [runs_again(answer, attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert MAX_RERUNS == 2


@pytest.mark.parametrize("answer", [rejected(), a_compilation(), a_test(verdict="compile_error")])
def test_a_compiler_stopped_by_load_is_not_the_senders_fault(answer: RunResponse | Compiled | TestEnded) -> None:
    assert all(runs_again(answer, attempt) for attempt in (1, 2, 3, 20))


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": None},
        {"time_s": 29.0, "cpu_s": 36.0},  # it used its CPU time: it is slow
        {"cpu_pressure": 0.1},  # nothing waited for a processor: it slept
        {"cpu_pressure": None},  # another limit, or none, ended it
    ],
)
@pytest.mark.parametrize("attempt", [1, 3])
@pytest.mark.parametrize("make", [timed_out, rejected, a_compilation])
def test_any_other_answer_is_about_the_program(
    make: Callable[..., RunResponse | Compiled], changes: dict[str, float | str | None], attempt: int
) -> None:
    assert not runs_again(make(**changes), attempt)


@pytest.mark.parametrize("changes", [{"verdict": "ok"}, {"time_s": None}, {"wall_s": None}])
def test_without_measures_the_load_is_not_blamed(changes: dict[str, float | str | None]) -> None:
    assert not runs_again(timed_out(**changes), 1)
