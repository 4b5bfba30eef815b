"""Folds the results of a problem's tests into a verdict, points and the results of groups. Pure.

`Scheme` says how, for the three sources of problems (legacy packages, 2025-09, Polygon). `Grading` folds while the
tests run: it names the next test whose result may still change the result of the run.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, NO_NUMBER


class Fold(StrEnum):
    """The rules by which groups are folded. Packages of 2023-07 are folded as legacy ones."""

    LEGACY = "legacy"
    KATTIS_2025_09 = "2025-09"
    POLYGON = "polygon"


class Policy(StrEnum):
    ALL = "all"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    CUSTOM = "custom"


class ScoreRule(StrEnum):
    """How a judge may score a test.

    BOUNDED: by up to the test's points. OPTIONAL: by any number. ABSOLUTE: it must, by any number.
    """

    NONE = "none"
    IGNORED = "ignored"
    BOUNDED = "bounded"
    OPTIONAL = "optional"
    ABSOLUTE = "absolute"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoredTest(_Value):
    """`points` are the most; None: no bound. `reject_points` are what it earns if it is not accepted (legacy)."""

    number: int
    group: str
    points: float | None
    rule: ScoreRule = ScoreRule.NONE
    reject_points: float = 0
    ignores_multiplier: bool = False
    may_be_negative: bool = False


class Group(_Value):
    """A group of tests. `children` are numbers of tests and names of groups, in the order in which they are judged.

    `points` are the most; None: no bound. `requires` are groups whose tests must all be accepted before. The rest is
    for legacy packages: `breaks` ends the group after a child that is not accepted, `low` and `high` bound its points.
    """

    name: str
    parent: str | None
    policy: Policy
    points: float | None
    children: tuple[int | str, ...]
    requires: tuple[str, ...] = ()
    breaks: bool = True
    grader_flags: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


class Scheme(_Value):
    """`groups` are in the order in which they are judged, parents before children; the first is the root, named "".

    `points` are the most that a run can earn; None: no bound.
    """

    fold: Fold
    is_scoring: bool
    points: float | None
    groups: tuple[Group, ...]
    tests: tuple[ScoredTest, ...]

    @property
    def listed(self) -> tuple[Group, ...]:
        """The groups that people see: all but the root, and the samples' if there are none."""
        return tuple(group for group in self.groups[1:] if group.name != "sample" or group.children)


class TestScore(_Value):
    """The judge's result for an output. `score` is absolute, `multiplier` a share of the test's points."""

    __test__ = False  # pytest would take it for a test

    verdict: Verdict
    score: float | None = None
    multiplier: float | None = None


class Award(_Value):
    """The verdict and points of a test. `error` says why it is a judge error, if the score made it one."""

    verdict: Verdict
    points: float | None
    error: str = ""


class GroupResult(_Value):
    """`verdict` is None if no test was run, `points_awarded` if a judge failed."""

    name: str
    parent: str | None
    verdict: Verdict | None
    points: float | None
    points_awarded: float | None
    tests: int
    passed: int


class RunResult(_Value):
    """The result of a run. `error` is for whoever set the problem: why it could not be graded."""

    verdict: Verdict
    points: float | None
    points_awarded: float | None
    groups: tuple[GroupResult, ...]
    error: str = ""


class GraderCall(_Value):
    """A call of a custom grader for a group, with these arguments and this standard input."""

    group: str
    args: tuple[str, ...]
    stdin: str


#: The flags of the default grader, beside those that are policies.
_VERDICT_FLAGS: Final = ("worst_error", "no_errors", "first_error", "always_accept")
_POLICY_FLAGS: Final = (Policy.SUM, Policy.AVG, Policy.MIN, Policy.MAX)
GRADER_FLAGS: Final = frozenset((*_VERDICT_FLAGS, *_POLICY_FLAGS, "ignore_sample", "accept_if_any_accepted"))
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
_LONGEST_GRADE: Final = 4096
#: A score is no larger, so that sums of scores are numbers.
MOST_POINTS: Final = 1e15
#: Sums of fractions differ from their bounds by less.
_ROUNDING: Final = 1e-6


def policy_of(flags: Sequence[str]) -> Policy:
    """Return how the default grader folds scores. Of contradicting flags the last counts."""
    return Policy(next((flag for flag in reversed(flags) if flag in _POLICY_FLAGS), Policy.SUM))


def fold_scores(policy: Policy, scores: Sequence[float]) -> float:
    """Return the score of a group from those of its children; 0 without children."""
    if not scores:
        return 0.0
    match policy:
        case Policy.MIN:
            return min(scores)
        case Policy.MAX:
            return max(scores)
        case Policy.AVG:
            return math.fsum(scores) / len(scores)
        case _:
            return math.fsum(scores)


def award(test: ScoredTest, score: TestScore) -> Award:
    """Return what a test earns. Testlib's 0 points are a wrong answer without a score."""
    multiplier = None if test.ignores_multiplier else score.multiplier
    has_score = score.score is not None or multiplier is not None
    if score.verdict is Verdict.JUDGE_ERROR:
        return Award(verdict=score.verdict, points=None)
    if score.verdict not in GOOD_VERDICTS:
        if score.verdict is Verdict.WRONG_ANSWER and has_score and test.rule is not ScoreRule.IGNORED:
            return _judge_error("The judge rejected the output and gave it a score.")
        return Award(verdict=score.verdict, points=test.reject_points)
    points = test.points or 0.0
    if NO_NUMBER in (score.score, multiplier) and test.rule is not ScoreRule.IGNORED:
        return _judge_error("The judge wrote a score that is no number.")
    match test.rule:
        case ScoreRule.NONE if has_score:
            return _judge_error("The judge gave a score, which this problem does not allow here.")
        case ScoreRule.ABSOLUTE if score.score is None or multiplier is not None:
            return _judge_error("The judge accepted the output without a score, or with a share of the points.")
        case ScoreRule.BOUNDED if score.score is not None and multiplier is not None:
            return _judge_error("The judge gave both a score and a share of the points.")
        case ScoreRule.ABSOLUTE | ScoreRule.BOUNDED | ScoreRule.OPTIONAL if score.score is not None:
            points = score.score
        case ScoreRule.BOUNDED if multiplier is not None:
            if not 0 <= multiplier <= 1:
                return _judge_error(f"The judge gave the share {multiplier:g} of the points, which is not in 0 to 1.")
            points *= multiplier
    low = -MOST_POINTS if test.may_be_negative else 0.0
    high = test.points if test.rule is ScoreRule.BOUNDED and test.points is not None else MOST_POINTS
    if not low <= points <= high + _ROUNDING:
        return _judge_error(f"The judge gave {points:g} points, which is out of range.")
    return Award(verdict=score.verdict, points=min(points, high))


def _judge_error(sentence: str) -> Award:
    return Award(verdict=Verdict.JUDGE_ERROR, points=None, error=sentence)


@dataclass
class _LegacyGroup:
    """A group of a legacy package while it is judged: its children so far, and its grade once it has one."""

    position: int = 0
    children: list[Award] = field(default_factory=list)
    grade: Award | None = None


class Grading:
    """The results of one run, while its tests run.

    Until `next_step` returns None: run what it names, and give its result to `put` or `put_grade`. Other tests of
    `upcoming` may run meanwhile; their results wait until `next_step` names them.
    """

    def __init__(self, scheme: Scheme, *, run_all: bool = False) -> None:
        """With `run_all` no test is left out, except after a judge error and in legacy packages."""
        self._scheme = scheme
        self._run_all = run_all and scheme.fold is not Fold.LEGACY
        self._groups = {group.name: group for group in scheme.groups}
        self._tests = {test.number: test for test in scheme.tests}
        self._chains = {name: tuple(self._ancestors(name)) for name in self._groups}
        self._members: dict[str, list[int]] = {name: [] for name in self._groups}
        for test in scheme.tests:
            for name in self._chains[test.group]:
                self._members[name].append(test.number)
        self._dependents: dict[str, list[str]] = {name: [] for name in self._groups}
        for group in scheme.groups:
            for required in group.requires:
                self._dependents.setdefault(required, []).append(group.name)
        self._awards: dict[int, Award] = {}
        self._accepted = dict.fromkeys(self._groups, 0)
        #: Groups of which nothing more is run, and those whose requirements are not met.
        self._ended: set[str] = set()
        self._unmet: set[str] = set()
        self._legacy = {name: _LegacyGroup() for name in self._groups}
        self._order = self._run_order()
        self._first = 0
        self._has_failed = False
        self._error = ""

    def next_step(self) -> int | GraderCall | None:
        """Return the number of the next test, or a call of the grader; None: nothing can change the result."""
        if self._has_failed:
            return None
        if self._scheme.fold is Fold.LEGACY:
            return self._legacy_step(self._scheme.groups[0])
        return next(self.upcoming(), None)

    def upcoming(self) -> Iterator[int]:
        """Yield the tests that may still change the result, in the order in which their results are wanted."""
        if self._has_failed:
            return
        if self._scheme.fold is Fold.LEGACY:
            self._legacy_step(self._scheme.groups[0])
        while self._first < len(self._order) and not self._may_run(self._order[self._first]):
            self._first += 1
        for position in range(self._first, len(self._order)):
            if self._may_run(self._order[position]):
                yield self._order[position]

    def put(self, number: int, score: TestScore) -> Award:
        """Take the result of a test, and return what it earns."""
        test = self._tests[number]
        earned = self._awards[number] = award(test, score)
        if earned.verdict is Verdict.JUDGE_ERROR:
            self._fail(earned.error)
        elif earned.verdict in GOOD_VERDICTS:
            for name in self._chains[test.group]:
                self._accepted[name] += 1
        elif self._scheme.fold is not Fold.LEGACY:
            has_nothing = True
            for name in self._chains[test.group]:
                self._close_dependents(name)
                policy = self._groups[name].policy
                has_nothing = policy is Policy.ALL or (policy is Policy.MIN and has_nothing)
                if has_nothing:
                    self._ended.add(name)
        return earned.model_copy(update={"points": _rounded(earned.points)})

    def put_grade(self, call: GraderCall, output: bytes | None, error: str = "") -> None:
        """Take the standard output of a custom grader; None: it failed, and `error` says how."""
        match = None if output is None or len(output) > _LONGEST_GRADE else _GRADE.fullmatch(output)
        if match:
            grade = Award(verdict=_GRADER_VERDICTS[match[1].decode()], points=float(match[2]))
        else:
            grade = _judge_error(error or "The grader did not write one line with a verdict and a score.")
        self._set_grade(self._groups[call.group], grade)

    def result(self) -> RunResult:
        """Return the result of the run, from the tests so far."""
        scheme = self._scheme
        verdict = self._verdict("") or Verdict.ACCEPTED
        scores = {group.name: self._points(group) for group in scheme.groups}
        error = self._error or self._excess(scores)
        if error:
            verdict = Verdict.JUDGE_ERROR
        is_judged = verdict is not Verdict.JUDGE_ERROR
        earned = scores[""] if scheme.is_scoring else 1.0
        if verdict not in GOOD_VERDICTS and (scheme.fold is Fold.LEGACY or not scheme.is_scoring):
            earned = 0.0
        groups = tuple(
            GroupResult(
                name=group.name,
                parent=group.parent or None,
                verdict=self._verdict(group.name),
                points=_rounded(group.points),
                points_awarded=_rounded(scores[group.name]) if is_judged else None,
                tests=len(self._members[group.name]),
                passed=self._accepted[group.name],
            )
            for group in scheme.listed
        )
        return RunResult(
            verdict=verdict,
            points=_rounded(scheme.points),
            points_awarded=_rounded(earned) if is_judged else None,
            groups=groups,
            error=error,
        )

    def _excess(self, scores: Mapping[str, float]) -> str:
        """Return a sentence on a group that earned more than its most; "" if there is none."""
        for group in self._scheme.groups:
            earned = scores[group.name]
            is_bounded = group.points is not None and self._scheme.fold is not Fold.LEGACY
            if is_bounded and earned > (group.points or 0.0) + _ROUNDING:
                return f"The group {group.name or 'data'} has {earned:g} points of {group.points:g}."
        return ""

    def _fail(self, error: str) -> None:
        self._has_failed = True
        self._error = self._error or error

    def _ancestors(self, name: str | None) -> Iterator[str]:
        """Yield the name of a group, of its parent, and so on to the root."""
        while name is not None:
            yield name
            name = self._groups[name].parent

    def _close_dependents(self, name: str) -> None:
        """End all groups that require this group, directly or not."""
        closed = list(self._dependents[name])
        while closed:
            dependent = closed.pop()
            if dependent not in self._unmet:
                self._unmet.add(dependent)
                self._ended.add(dependent)
                closed += self._dependents[dependent]

    def _may_run(self, number: int) -> bool:
        """Return False if the test has its result, or cannot change that of the run any more."""
        if number in self._awards:
            return False
        return self._run_all or self._ended.isdisjoint(self._chains[self._tests[number].group])

    def _run_order(self) -> list[int]:
        """Return the tests by their numbers, but each after those of the groups that its groups require."""
        left = {name: len(members) for name, members in self._members.items()}
        missing = {
            group.name: {name for name in group.requires if self._members.get(name)} for group in self._scheme.groups
        }
        waiting = set(self._tests)
        order: list[int] = []
        ready: list[int] = []

        def release(numbers: Iterable[int]) -> None:
            for number in numbers:
                if number in waiting and not any(missing[name] for name in self._chains[self._tests[number].group]):
                    waiting.remove(number)
                    heappush(ready, number)

        release(self._tests)
        while ready:
            order.append(heappop(ready))
            for name in self._chains[self._tests[order[-1]].group]:
                left[name] -= 1
                for dependent in self._dependents[name] if not left[name] else ():
                    missing[dependent].discard(name)
                    release(self._members[dependent])
        return order

    def _verdict(self, name: str) -> Verdict | None:
        """Return the verdict of a group; None if none of its tests was run."""
        verdicts = [self._awards[number].verdict for number in self._members[name] if number in self._awards]
        grade = self._legacy[name].grade
        if grade and verdicts:
            return grade.verdict
        if Verdict.JUDGE_ERROR in verdicts:
            return Verdict.JUDGE_ERROR
        bad = (verdict for verdict in verdicts if verdict not in GOOD_VERDICTS)
        return next(bad, Verdict.ACCEPTED if verdicts else None)

    def _points(self, group: Group) -> float:
        """Return what the group earns, from the tests so far."""
        if self._scheme.fold is Fold.LEGACY:
            grade = self._legacy[group.name].grade
            return (grade.points or 0.0) if grade and self._scheme.is_scoring else 0.0
        if group.name in self._unmet:
            return 0.0
        if group.policy is Policy.ALL:
            members = self._members[group.name]
            return group.points or 0.0 if self._accepted[group.name] == len(members) else 0.0
        if group.policy is Policy.MIN and self._scheme.fold is Fold.POLYGON:
            return (group.points or 0.0) * min((self._share(number) for number in self._members[group.name]), default=0)
        children = [
            self._points(self._groups[child]) if isinstance(child, str) else self._test_points(child)
            for child in group.children
        ]
        return fold_scores(group.policy, children)

    def _test_points(self, number: int) -> float:
        return (self._awards[number].points or 0.0) if number in self._awards else 0.0

    def _share(self, number: int) -> float:
        """Return which part of its points a test has earned."""
        most = self._tests[number].points
        if most:
            return self._test_points(number) / most
        return 1.0 if number in self._awards and self._awards[number].verdict in GOOD_VERDICTS else 0.0

    def _legacy_step(self, group: Group) -> int | GraderCall | None:
        """Return what the group's grade waits for; None: it has its grade."""
        state = self._legacy[group.name]
        while state.grade is None:
            if state.position == len(group.children) or (
                group.breaks and state.children and state.children[-1].verdict not in GOOD_VERDICTS
            ):
                if group.policy is Policy.CUSTOM and state.children:
                    return GraderCall(group=group.name, args=group.grader_flags, stdin=_grader_input(state.children))
                self._set_grade(group, _default_grade(group, state.children))
                break
            child = group.children[state.position]
            if isinstance(child, str):
                if step := self._legacy_step(self._groups[child]):
                    return step
                if self._has_failed:
                    return None
                state.children.append(self._legacy[child].grade or _EMPTY)
            elif child not in self._awards:
                return child
            else:
                state.children.append(self._awards[child])
            state.position += 1
        return None

    def _set_grade(self, group: Group, grade: Award) -> None:
        """Keep the grade of a legacy group, if its score is in the group's range."""
        state, points = self._legacy[group.name], grade.points or 0.0
        low = -MOST_POINTS if group.low is None else group.low - _ROUNDING
        high = MOST_POINTS if group.high is None else group.high + _ROUNDING
        is_bounded = grade.verdict in GOOD_VERDICTS and state.children and self._scheme.is_scoring
        if abs(points) > MOST_POINTS or (is_bounded and not low <= points <= high):
            name = group.name or "data"
            grade = _judge_error(f"The group {name} has {points:g} points, which is not in its range.")
        if grade.verdict is Verdict.JUDGE_ERROR:
            self._fail(grade.error)
        state.grade = grade
        self._ended.add(group.name)


#: The grade of a group without tests.
_EMPTY: Final = Award(verdict=Verdict.ACCEPTED, points=0.0)


def _default_grade(group: Group, children: Sequence[Award]) -> Award:
    """Return the grade of a legacy group by the default grader and its flags."""
    flags = group.grader_flags
    if "ignore_sample" in flags and group.parent is None:
        children = children[-1:]
    if not children:
        return _EMPTY
    bad = [child.verdict for child in children if child.verdict not in GOOD_VERDICTS]
    mode = next((flag for flag in reversed(flags) if flag in _VERDICT_FLAGS), "worst_error")
    verdict = Verdict.ACCEPTED
    is_saved = "accept_if_any_accepted" in flags and len(bad) < len(children)
    if bad and not is_saved and mode != "always_accept":
        worst = (candidate for candidate in _WORST_FIRST if candidate in bad)
        verdict = bad[0] if mode == "first_error" else next(worst, bad[0])
    return Award(verdict=verdict, points=fold_scores(policy_of(flags), [child.points or 0.0 for child in children]))


def _grader_input(children: Sequence[Award]) -> str:
    """Return the standard input of a custom grader: a line for each child."""
    names = {verdict: name for name, verdict in _GRADER_VERDICTS.items()} | {Verdict.OK: "AC"}
    return "".join(f"{names.get(child.verdict, 'RTE')} {_rounded(child.points or 0.0):.12g}\n" for child in children)


def _rounded(points: float | None) -> float | None:
    """Return points as people are shown them, with at most six decimals."""
    return None if points is None else round(points, 6) + 0.0
