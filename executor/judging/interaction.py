"""Decides what becomes of a program that an interactor has talked with. Pure."""

from dataclasses import replace
from typing import Final

from executor.judging.judgement import Judgement, judge_error
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict

#: Why an interactor was stopped together with its program (`JudgeJob`).
HANG, DEADLOCK = "hang", "deadlock"

_EACH_WAITED: Final = "The program and the interactor each waited for the other until the program's time was over."
_HANGS: Final = "The interactor hangs: it neither read what the program had written, nor wrote, nor ended."


def ended_with_program(judged: StepResult) -> bool:
    """Return True if an interactor was stopped because its program had used up its elapsed time."""
    return judged.stopped in (HANG, DEADLOCK)


def decide(ran: StepResult, how: Verdict, judged: StepResult, says: Judgement | None) -> Judgement:
    """Return the judgement of a test, by the first rule that applies.

    `ran` and `judged` are the ends of the program and the interactor, and `how` is the program's verdict by its own
    end. `says` is what the interactor says by its end; None if it `ended_with_program`.
    """
    if says is None:
        if judged.stopped == HANG:
            return judge_error(_HANGS, stderr=judged.stderr)
        return Judgement(Verdict.TIME_LIMIT, judge_message=_EACH_WAITED)
    if says.verdict is Verdict.JUDGE_ERROR:
        return says
    if says.verdict is not Verdict.ACCEPTED and judged.ended_at < ran.ended_at:
        return says
    # The interactor may have been told too little by a program that failed, or may have been content.
    return says if how is Verdict.OK else replace(says, verdict=how, points=None, score=None, multiplier=None)
