"""Reads what a judge of Kattis's protocol says: its exit code, and the files in its feedback folder."""

import math
from collections.abc import Mapping
from typing import Final

from executor.judging.judgement import Judgement, clean, judge_error
from executor.sandbox.base import StepResult
from shared.engine_api.codex import Verdict
from shared.engine_api.icpc_args import NUMBER
from shared.engine_api.run_call.events import NO_NUMBER

#: The exit codes after which the program of an interactor may go on.
ACCEPTING: Final = frozenset({42})
_VERDICTS: Final[dict[int | None, Verdict]] = {42: Verdict.ACCEPTED, 43: Verdict.WRONG_ANSWER}
_MESSAGE: Final = "teammessage.txt"
JUDGE_MESSAGE: Final = "judgemessage.txt"
_SCORE, _MULTIPLIER = "score.txt", "score_multiplier.txt"


def read(judge: str, ended: StepResult, max_points: float | None) -> Judgement:
    """Return the judgement of a judge that ended by itself. The test has up to `max_points`; with None its scores are
    not checked."""
    files = ended.out_folder.files
    how, points, score, multiplier = _VERDICTS.get(ended.exit_code), None, None, None
    try:
        if how is None:
            raise ValueError(f"ended with code {ended.exit_code}, which is neither 42 (accepted) nor 43 (wrong answer)")
        if max_points is None:
            score, multiplier = (_unchecked(files, name) for name in (_SCORE, _MULTIPLIER))
        else:
            points = _points(files, how, max_points)
    except ValueError as exc:
        return judge_error(f"The {judge} {exc}.", files.get(JUDGE_MESSAGE, b""), ended.stderr)
    message, judge_message = (clean(files.get(name, b"")) for name in (_MESSAGE, JUDGE_MESSAGE))
    return Judgement(how, message, judge_message, points, score, multiplier)


def _points(files: Mapping[str, bytes], how: Verdict, max_points: float) -> float | None:
    """Return the points of a score file; None without a file. Raises `ValueError` with the fault of the judge."""
    names = [name for name in (_SCORE, _MULTIPLIER) if name in files]
    if not names:
        return None
    (name, *further) = names
    if further:
        raise ValueError(f"wrote both {_SCORE} and {_MULTIPLIER}")
    if how is not Verdict.ACCEPTED:
        raise ValueError(f"wrote {name} for a wrong answer")
    score, max_score = _number(files, name) or 0.0, max_points if name == _SCORE else 1.0
    if not 0 <= score <= max_score:
        raise ValueError(f"wrote a number to {name} that is not between 0 and {max_score:.15g}")
    return (score if name == _SCORE else score * max_points) or 0.0  # instead of -0.0


def _unchecked(files: Mapping[str, bytes], name: str) -> float | None:
    """Return the number in a file, or `NO_NUMBER`: whether the file counts is not known here."""
    try:
        return _number(files, name)
    except ValueError:
        return NO_NUMBER


def _number(files: Mapping[str, bytes], name: str) -> float | None:
    """Return the number in a file; None if there is no such file. Raises `ValueError` with the fault of the judge."""
    text = files[name].strip() if name in files else None
    if text is None:
        return None
    if not NUMBER.fullmatch(text):
        raise ValueError(f"wrote something else than one number to {name}")
    if not math.isfinite(number := float(text)):
        raise ValueError(f"wrote a number to {name} that is too large")
    return number
