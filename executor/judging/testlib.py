"""Reads what a judge of testlib's protocol says: its exit code and its standard error."""

import math
import re
from dataclasses import replace
from typing import Final

from executor.judging.judgement import Judgement, clean, judge_error
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict
from shared.engine_api.icpc_args import NUMBER

_FAILED, _POINTS = 3, 7
#: The exit codes after which the program of an interactor may go on.
ACCEPTING: Final = frozenset({0, _POINTS})
#: 2, 4 and 8 are a wrong presentation, more output than expected, and less.
_VERDICTS: Final[dict[int | None, Verdict]] = {0: Verdict.ACCEPTED, **dict.fromkeys((1, 2, 4, 8), Verdict.WRONG_ANSWER)}
#: What testlib writes before a judge's own text.
_FIRST_WORDS: Final = re.compile(rb"(?:ok|wrong answer|wrong output format|unexpected eof|FAIL|points\s+\S++)(?:\s|\Z)")
_AWARDED: Final = re.compile(rb"(?:\A|\s)points\s++(" + NUMBER.pattern + rb")(?:\s|\Z)")


def read(judge: str, ended: StepResult, max_points: float | None) -> Judgement:
    """Return the judgement of a judge that ended by itself. The test has up to `max_points`; with None its points are
    not checked, and are the score."""
    how, points = _VERDICTS.get(ended.exit_code), None
    text = _FIRST_WORDS.sub(b"", ended.stderr, count=1) if _FIRST_WORDS.match(ended.stderr) else ended.stderr
    try:
        if ended.exit_code == _FAILED:
            raise ValueError("says that it or the test is wrong (code 3)")
        if ended.exit_code == _POINTS:
            points = _points(ended.stderr, max_points)
            how = Verdict.ACCEPTED if points else Verdict.WRONG_ANSWER
        if how is None:
            raise ValueError(f"ended with code {ended.exit_code}, which has no meaning in testlib")
    except ValueError as exc:
        return judge_error(f"The {judge} {exc}.", stderr=text)
    message = clean(text)
    judgement = Judgement(how, message, message, points, may_name_answer=True)
    return judgement if max_points is not None else replace(judgement, points=None, score=points or None)


def _points(stderr: bytes, max_points: float | None) -> float:
    """Return the points. Raises `ValueError` with the fault of the judge."""
    awarded = _AWARDED.search(stderr)
    if awarded is None:
        raise ValueError("gives points (code 7), and does not write how many")
    points = float(awarded[1]) or 0.0  # instead of -0.0
    if max_points is not None and not 0 <= points <= max_points:
        raise ValueError(f"gives points that are not between 0 and {max_points:.15g}")
    if not math.isfinite(points):
        raise ValueError("gives points that are too large")
    return points
