"""Folds the groups of legacy packages, by the default grader or a custom one. Pure."""

import re
from collections.abc import Generator, Sequence
from typing import Final

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.judging.grading.award import Award, judge_error, rounded
from shared.judging.grading.progress import Progress
from shared.judging.grading.scheme import (
    MAX_POINTS,
    ROUNDING,
    VERDICT_FLAGS,
    Group,
    Policy,
    Value,
    fold_scores,
    policy_of,
)

#: From the worst to the least bad.
_WORST_FIRST: Final = (
    Verdict.RUNTIME_ERROR,
    Verdict.MEMORY_LIMIT,
    Verdict.TIME_LIMIT,
    Verdict.OUTPUT_LIMIT,
    Verdict.WRONG_ANSWER,
)
#: What custom graders write and read. All other verdicts are RTE to them.
_GRADER_VERDICTS: Final = {
    "AC": Verdict.ACCEPTED,
    "WA": Verdict.WRONG_ANSWER,
    "TLE": Verdict.TIME_LIMIT,
    "RTE": Verdict.RUNTIME_ERROR,
}
_GRADE: Final = re.compile(rb"\s*(AC|WA|TLE|RTE)\s+([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*")
_MAX_GRADE: Final = 4096
#: The grade of a group without tests.
_EMPTY: Final = Award(verdict=Verdict.ACCEPTED, points=0.0)


class GraderCall(Value):
    """A call of a custom grader for a group, with these arguments and this standard input."""

    group: str
    args: tuple[str, ...]
    stdin: str


class LegacyFold:
    """Grades each group when all its children have their results."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps = self._grade(progress.scheme.groups[0])
        self.order = sorted(progress.tests)

    def advance(self) -> GraderCall | None:
        """Grade the groups that can be graded. Return the call of a grader that the next one waits for, if any."""
        return next(self._steps, None) if self._progress.error is None else None

    def reject(self, number: int) -> None:
        """A grade ends a group, so a rejected test ends none."""

    def put_grade(self, call: GraderCall, output: bytes | None, error: str) -> None:
        match = None if output is None or len(output) > _MAX_GRADE else _GRADE.fullmatch(output)
        if match:
            grade = Award(verdict=_GRADER_VERDICTS[match[1].decode()], points=float(match[2]))
        else:
            grade = judge_error(error or "The grader did not write one line with a verdict and a score.")
        self._set_grade(self._progress.groups[call.group], grade)

    def points(self, group: Group) -> float:
        """Return what the group earns. A run that is not accepted earns nothing."""
        grade = self._progress.grades.get(group.name)
        if grade is None or not self._progress.scheme.is_scoring:
            return 0.0
        return 0.0 if group.parent is None and grade.verdict not in GOOD_VERDICTS else grade.points or 0.0

    def _grade(self, group: Group) -> Generator[GraderCall | None, None, Award]:
        """Yield a call of the group's grader, or None to wait for a test. Return the grade of the group."""
        progress, results = self._progress, list[Award]()
        for child in group.children:
            if isinstance(child, str):
                result = yield from self._grade(progress.groups[child])
                if progress.error is not None:
                    return result
            else:
                while child not in progress.awards:
                    yield None
                result = progress.awards[child]
            results.append(result)
            if group.breaks and result.verdict not in GOOD_VERDICTS:
                break
        if group.policy is Policy.CUSTOM and results:
            while group.name not in progress.grades:
                yield GraderCall(group=group.name, args=group.grader_flags, stdin=_grader_input(results))
        elif results:
            self._set_grade(group, _default_grade(group, results))
        else:
            self._keep(group, _EMPTY)
        return progress.grades[group.name]

    def _set_grade(self, group: Group, grade: Award) -> None:
        """Keep the grade of a group with results, if its score is in the group's range."""
        points = grade.points or 0.0
        low = -MAX_POINTS if group.low is None else group.low - ROUNDING
        high = MAX_POINTS if group.high is None else group.high + ROUNDING
        is_bounded = grade.verdict in GOOD_VERDICTS and self._progress.scheme.is_scoring
        if abs(points) > MAX_POINTS or (is_bounded and not low <= points <= high):
            name = group.name or "data"
            grade = judge_error(f"The group {name} has {points:g} points, which is not in its range.")
        if grade.verdict is Verdict.JUDGE_ERROR:
            self._progress.fail(grade.error)
        self._keep(group, grade)

    def _keep(self, group: Group, grade: Award) -> None:
        self._progress.grades[group.name] = grade
        self._progress.ended.add(group.name)


def _default_grade(group: Group, results: Sequence[Award]) -> Award:
    flags = group.grader_flags
    if "ignore_sample" in flags and group.parent is None:
        results = results[-1:]
    bad = [result.verdict for result in results if result.verdict not in GOOD_VERDICTS]
    mode = next((flag for flag in reversed(flags) if flag in VERDICT_FLAGS), "worst_error")
    verdict = Verdict.ACCEPTED
    is_saved = "accept_if_any_accepted" in flags and len(bad) < len(results)
    if bad and not is_saved and mode != "always_accept":
        worst = (candidate for candidate in _WORST_FIRST if candidate in bad)
        verdict = bad[0] if mode == "first_error" else next(worst, bad[0])
    return Award(verdict=verdict, points=fold_scores(policy_of(flags), [result.points or 0.0 for result in results]))


def _grader_input(results: Sequence[Award]) -> str:
    """Return the standard input of a custom grader: a line for each child."""
    names = {verdict: name for name, verdict in _GRADER_VERDICTS.items()} | {Verdict.OK: "AC"}
    return "".join(f"{names.get(result.verdict, 'RTE')} {rounded(result.points or 0.0):.12g}\n" for result in results)
