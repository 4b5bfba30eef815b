"""The points of a test, and the verdict of several."""

from collections.abc import Collection, Sequence
from typing import Final

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, CollectedTest, UnitTestEnded
from shared.engine_api.unit_tests import UnitTestOutcome

#: Decimals of points.
POINTS_DECIMALS: Final = 6


def verdict_of(verdicts: Collection[Verdict]) -> Verdict:
    """Return the verdict of a program whose tests had these verdicts."""
    if Verdict.JUDGE_ERROR in verdicts:
        return Verdict.JUDGE_ERROR
    good = Verdict.ACCEPTED if Verdict.ACCEPTED in verdicts else Verdict.OK
    return next((verdict for verdict in verdicts if verdict not in GOOD_VERDICTS), good)


def awarded(points: float, verdict: Verdict | None, scored: float | None) -> float | None:
    """Return the points that a test has earned; None if its judge failed. `scored` are the judge's points."""
    if verdict is Verdict.JUDGE_ERROR:
        return None
    earned = points if verdict in GOOD_VERDICTS else 0.0
    return earned if scored is None else round(scored, POINTS_DECIMALS)


def verdict_of_unit_tests(collected: Sequence[CollectedTest], ended: Sequence[UnitTestEnded]) -> Verdict:
    """Return `accepted` if each unit test has earned its points, else the first bad verdict, or `wrong_answer`."""
    pairs = list(zip(collected, ended, strict=True))
    if all(
        end.outcome is UnitTestOutcome.PASSED and end.points_awarded >= test.points
        for test, end in pairs
        if test.points
    ):
        return Verdict.ACCEPTED
    bad = (end.verdict for _, end in pairs if end.verdict and end.verdict not in GOOD_VERDICTS)
    return next(bad, Verdict.WRONG_ANSWER)
