"""The whole table: every verdict and status that can reach `decide`."""

import pytest

from job_runner.outcome import decide, give_up
from shared.codex import RunResponse, Verdict
from shared.job_state import JobState


def answer(*, status: int = 200, verdict: Verdict | None = None) -> RunResponse:
    return RunResponse(timeStamp=1, status=status, verdict=verdict)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_with_a_verdict_only_ok_is_success(verdict: Verdict) -> None:
    outcome = decide(answer(verdict=verdict))
    assert outcome.state is JobState.EXECUTED
    assert outcome.success == (verdict is Verdict.OK)
    assert outcome.blocks_upload == (verdict is not Verdict.OK)


@pytest.mark.parametrize(("status", "success"), [(200, True), (400, False), (408, False), (500, False)])
def test_without_a_verdict_the_bodys_status_decides(status: int, success: bool) -> None:
    outcome = decide(answer(status=status))
    assert outcome.success is success
    assert outcome.blocks_upload is not success
    assert outcome.state is JobState.EXECUTED


def test_what_could_not_be_run_is_failed_and_stays_enabled() -> None:
    outcome = give_up("the engine is gone")
    assert outcome.state is JobState.FAILED
    assert not outcome.success
    assert not outcome.blocks_upload
