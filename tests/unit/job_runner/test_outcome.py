"""The whole table of `decide`: every verdict and status."""

import pytest

from job_runner.outcome import MAX_RERUNS, decide, give_up, is_caused_by_load
from shared.codex import RunResponse, Verdict
from shared.job_state import JobState


def answer(*, status: int = 200, verdict: Verdict | None = None) -> RunResponse:
    return RunResponse(timeStamp=1, status=status, verdict=verdict)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdicts_ok_and_accepted_are_successes(verdict: Verdict) -> None:
    outcome = decide(answer(verdict=verdict))
    assert outcome.state is JobState.EXECUTED
    assert outcome.success == (verdict in (Verdict.OK, Verdict.ACCEPTED))
    assert outcome.blocks_upload == (not outcome.success)


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


def test_a_wall_limit_under_load_is_tried_three_times() -> None:
    assert [is_caused_by_load(timed_out(), attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert MAX_RERUNS == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "ok"},
        {"verdict": None},
        {"time_s": 29.0},  # it used all its CPU time: the program is slow
        {"cpu_pressure": 0.1},  # nothing waited for a processor: it slept
        {"cpu_pressure": None},
        {"time_s": None},
        {"wall_s": None},
    ],
)
def test_any_other_answer_is_about_the_program(changes: dict[str, float | str | None]) -> None:
    assert not is_caused_by_load(timed_out(**changes), 1)
