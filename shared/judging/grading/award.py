"""What a test earns. Pure."""

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, NO_NUMBER
from shared.judging.grading.scheme import MAX_POINTS, ROUNDING, ScoredTest, ScoreRule, Value


class TestScore(Value):
    """The judge's result for an output. `score` is absolute, `multiplier` a share of the test's points."""

    __test__ = False  # pytest would take it for a test

    verdict: Verdict
    score: float | None = None
    multiplier: float | None = None


class Award(Value):
    """The verdict and points of a test. `error` says why it is a judge error, if the score made it one."""

    verdict: Verdict
    points: float | None
    error: str = ""


def award(test: ScoredTest, score: TestScore) -> Award:
    """Return what a test earns. Testlib's 0 points are a wrong answer without a score."""
    multiplier = None if test.ignores_multiplier else score.multiplier
    has_score = score.score is not None or multiplier is not None
    if score.verdict is Verdict.JUDGE_ERROR:
        return Award(verdict=score.verdict, points=None)
    if score.verdict not in GOOD_VERDICTS:
        if score.verdict is Verdict.WRONG_ANSWER and has_score and test.rule is not ScoreRule.IGNORED:
            return judge_error("The judge rejected the output and gave it a score.")
        return Award(verdict=score.verdict, points=test.reject_points)
    points = test.points or 0.0
    if NO_NUMBER in (score.score, multiplier) and test.rule is not ScoreRule.IGNORED:
        return judge_error("The judge wrote a score that is no number.")
    match test.rule:
        case ScoreRule.NONE if has_score:
            return judge_error("The judge gave a score, which this problem does not allow here.")
        case ScoreRule.ABSOLUTE if score.score is None or multiplier is not None:
            return judge_error("The judge accepted the output without a score, or with a share of the points.")
        case ScoreRule.BOUNDED if score.score is not None and multiplier is not None:
            return judge_error("The judge gave both a score and a share of the points.")
        case ScoreRule.ABSOLUTE | ScoreRule.BOUNDED | ScoreRule.OPTIONAL if score.score is not None:
            points = score.score
        case ScoreRule.BOUNDED if multiplier is not None:
            if not 0 <= multiplier <= 1:
                return judge_error(f"The judge gave the share {multiplier:g} of the points, which is not in 0 to 1.")
            points *= multiplier
    low = -MAX_POINTS if test.may_be_negative else 0.0
    high = test.points if test.rule is ScoreRule.BOUNDED and test.points is not None else MAX_POINTS
    if not low <= points <= high + ROUNDING:
        return judge_error(f"The judge gave {points:g} points, which is out of range.")
    return Award(verdict=score.verdict, points=min(points, high))


def judge_error(sentence: str) -> Award:
    return Award(verdict=Verdict.JUDGE_ERROR, points=None, error=sentence)


def rounded(points: float | None) -> float | None:
    """Return points as people are shown them, with at most six decimals."""
    return None if points is None else round(points, 6) + 0.0
