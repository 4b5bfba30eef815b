"""Says what becomes of a test that has lost one of the boxes. Pure."""

from typing import Final

from executor.limits import RunLimits
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import UnitTestEnded
from shared.engine_api.unit_tests import UnitTestOutcome

_VERDICTS: Final = {
    "cpu": Verdict.TIME_LIMIT,
    "wall": Verdict.TIME_LIMIT,
    "memory": Verdict.MEMORY_LIMIT,
    "output": Verdict.OUTPUT_LIMIT,
}
#: How the tests' box says why it has ended, and what that means.
_REASONS: Final = {
    "broken": "The program broke the protocol of calls in {part}.",
    "long": "The program answered with more than 8 MiB in {part}.",
}


def why_lost(
    reason: str | None, part: str, ran: StepResult, student: RunLimits, own: RunLimits, exit_call: str
) -> tuple[Verdict, str]:
    """Return the verdict of a test that has lost a box, and a sentence. `part` names what ran then: the test, or the
    import of the program. `exit_call` is the function by which its language ends a program."""
    judged = ran.judge
    if ran.stopped in _VERDICTS:
        return _VERDICTS[ran.stopped], _sentence("The program", ran.stopped, student, part)
    if reason == "output":
        return Verdict.OUTPUT_LIMIT, _sentence("The program", reason, student, part)
    if reason in _REASONS:
        return Verdict.RUNTIME_ERROR, _REASONS[reason].format(part=part)
    if reason == "ended":
        if ran.signal:
            return Verdict.RUNTIME_ERROR, f"The program was ended by signal {ran.signal} in {part}."
        return Verdict.RUNTIME_ERROR, f"The program ended (`{exit_call}({ran.exit_code})` or alike) in {part}."
    if judged and judged.stopped in _VERDICTS:
        return _VERDICTS[judged.stopped], _sentence("The test itself", judged.stopped, own, part)
    return Verdict.RUNTIME_ERROR, f"The tests' own process ended in {part}."


def lost(
    number: int, why: tuple[Verdict, str], ran: StepResult, reason: str | None, cpu_s: float, wall_s: float
) -> UnitTestEnded:
    """Return the event of a test that has lost a box. The program's end is told if that was the first."""
    has_ended = reason == "ended" or ran.stopped in _VERDICTS
    return UnitTestEnded(
        number=number,
        outcome=UnitTestOutcome.ERROR,
        verdict=why[0],
        points_awarded=0,
        message=why[1],
        judge_message=why[1],
        cpu_s=round(cpu_s, 6),
        wall_s=round(wall_s, 6),
        exit_code=ran.exit_code if has_ended else None,
        signal=ran.signal if has_ended else None,
        memory_bytes=ran.memory_bytes if has_ended else None,
    )


def unrun(number: int) -> UnitTestEnded:
    """Return the event of a test that does not run."""
    return UnitTestEnded(number=number, outcome=UnitTestOutcome.NOT_RUN, verdict=None, points_awarded=0)


def _sentence(who: str, stopped: str, limits: RunLimits, part: str) -> str:
    what = {
        "cpu": f"used up its {limits.cpu_s:g} s of CPU time",
        "wall": f"took longer than its {limits.wall_s:g} s",
        "memory": f"used more than its {limits.memory_bytes >> 20} MiB of memory",
        "output": f"wrote more than {limits.output_bytes} bytes",
    }
    return f"{who} {what[stopped]} in {part}."
