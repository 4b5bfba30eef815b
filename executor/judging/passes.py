"""Reads whether a judge asks for another pass of a multi-pass test, and with which input. Pure."""

from dataclasses import replace
from typing import Final

from executor.judging.judgement import Judgement, judge_error
from executor.judging.kattis import JUDGE_MESSAGE
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict

#: The feedback file that is the input of the next pass.
NEXT_PASS: Final = "nextpass.in"  # noqa: S105


def after_pass(judgement: Judgement, number: int, max_passes: int) -> tuple[Judgement, bytes | None]:
    """Return the judgement after a pass, and the input of the next one; None if the test has ended.

    `number` counts the passes, of which there may be at most `most`.
    """
    following = judgement.feedback.get(NEXT_PASS)
    fault = ""
    if following is not None and judgement.verdict is Verdict.WRONG_ANSWER:
        fault = f"The judge wrote {NEXT_PASS} for a wrong answer."
    elif following is not None and judgement.verdict is Verdict.ACCEPTED and number == max_passes:
        fault = f"The judge asked for more than {max_passes} passes."
    if fault:
        return replace(judge_error(fault, judgement.feedback.get(JUDGE_MESSAGE, b"")), cpu_s=judgement.cpu_s), None
    return judgement, following if judgement.verdict is Verdict.ACCEPTED else None


def largest(ran: StepResult, before: StepResult) -> StepResult:
    """Return how a pass ended, with the largest measures of it and those `before`."""
    return replace(
        ran,
        cpu_s=max(ran.cpu_s, before.cpu_s),
        wall_s=max(ran.wall_s, before.wall_s),
        memory_bytes=max(ran.memory_bytes, before.memory_bytes),
    )
