"""The order of verdicts of a program that an interactor has talked with."""

from typing import Final

import pytest

from executor.judging.interaction import DEADLOCK, HANG, decide
from executor.judging.judgement import Judgement, judge_error
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict

_FAILED: Final = judge_error("The interactor failed.")
_ACCEPTS: Final = Judgement(Verdict.ACCEPTED, "well done", "all queries used", points=3)
_REJECTS: Final = Judgement(Verdict.WRONG_ANSWER, "too many guesses", "17 of 16")
_FAILURES: Final = (
    Verdict.TIME_LIMIT,
    Verdict.MEMORY_LIMIT,
    Verdict.OUTPUT_LIMIT,
    Verdict.RUNTIME_ERROR,
    Verdict.INTERNAL_ERROR,
)


def _decide(how: Verdict, says: Judgement, *, interactor_first: bool) -> Judgement:
    return decide(StepResult(0, ended_at=5), how, StepResult(0, ended_at=4 if interactor_first else 6), says)


@pytest.mark.parametrize("interactor_first", [True, False])
@pytest.mark.parametrize("how", [Verdict.OK, *_FAILURES])
def test_an_interactor_that_failed_decides_first(how: Verdict, interactor_first: bool) -> None:
    assert _decide(how, _FAILED, interactor_first=interactor_first) == _FAILED


@pytest.mark.parametrize("how", [Verdict.OK, *_FAILURES])
def test_a_rejection_before_the_end_of_the_program_counts(how: Verdict) -> None:
    """A program that failed later may have failed for it: it read no more answers, or was killed."""
    assert _decide(how, _REJECTS, interactor_first=True) == _REJECTS


@pytest.mark.parametrize("how", _FAILURES)
@pytest.mark.parametrize(("says", "interactor_first"), [(_REJECTS, False), (_ACCEPTS, False), (_ACCEPTS, True)])
def test_otherwise_a_failure_of_the_program_counts(how: Verdict, says: Judgement, interactor_first: bool) -> None:
    """The messages of the interactor stay, since they say why it ended. Its points do not."""
    judgement = Judgement(how, says.message, says.judge_message)
    assert _decide(how, says, interactor_first=interactor_first) == judgement


@pytest.mark.parametrize(("says", "interactor_first"), [(_REJECTS, False), (_ACCEPTS, False), (_ACCEPTS, True)])
def test_a_program_that_ended_well_gets_what_it_deserves(says: Judgement, interactor_first: bool) -> None:
    assert _decide(Verdict.OK, says, interactor_first=interactor_first) == says


@pytest.mark.parametrize("how", [Verdict.TIME_LIMIT, Verdict.OK])
def test_both_that_wait_are_the_programs_fault(how: Verdict) -> None:
    judgement = decide(StepResult(None, 9), how, StepResult(None, 9, stopped=DEADLOCK, stderr=b"secret"), None)
    assert (judgement.verdict, judgement.message) == (Verdict.TIME_LIMIT, None)
    assert "each waited for the other" in str(judgement.judge_message)


def test_an_interactor_that_hangs_is_its_own_fault() -> None:
    judged = StepResult(None, 9, stopped=HANG, stderr=b"reading test 4\n")
    judgement = decide(StepResult(None, 9), Verdict.TIME_LIMIT, judged, None)
    assert (judgement.verdict, judgement.message) == (Verdict.JUDGE_ERROR, None)
    assert str(judgement.judge_message).startswith("The interactor hangs: ")
    assert str(judgement.judge_message).endswith("\nreading test 4")
