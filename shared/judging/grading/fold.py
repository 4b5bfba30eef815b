"""Folds the results of a run while its tests run: names the next test whose result may still change that of the run."""

from collections.abc import Iterator, Mapping

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.judging.grading.award import Award, TestScore, award, rounded
from shared.judging.grading.fold_legacy import GraderCall, LegacyFold
from shared.judging.grading.fold_policies import PolicyFold
from shared.judging.grading.progress import Progress
from shared.judging.grading.scheme import ROUNDING, Fold, Scheme, Value


class GradedGroup(Value):
    """`verdict` is None if no test was run, `points_awarded` if a judge failed."""

    name: str
    parent: str | None
    verdict: Verdict | None
    points: float | None
    points_awarded: float | None
    tests: int
    passed: int


class RunResult(Value):
    """The result of a run. `error` is for whoever set the problem: why it could not be graded."""

    verdict: Verdict
    points: float | None
    points_awarded: float | None
    groups: tuple[GradedGroup, ...]
    error: str = ""


class Grading:
    """The results of one run, while its tests run.

    Until `next_step` returns None: run what it names, and give its result to `put` or `put_grade`. Other tests of
    `upcoming` may run meanwhile; their results wait until `next_step` names them.
    """

    def __init__(self, scheme: Scheme, *, run_all: bool = False) -> None:
        """With `run_all` no test is left out, except after a judge error and in legacy packages."""
        self._progress = Progress(scheme)
        self._legacy = LegacyFold(self._progress) if scheme.fold is Fold.LEGACY else None
        self._fold = self._legacy or PolicyFold(self._progress)
        self._run_all = run_all and not self._legacy
        self._first = 0

    def next_step(self) -> int | GraderCall | None:
        """Return the number of the next test, or a call of the grader; None: nothing can change the result."""
        call = self._legacy and self._legacy.advance()
        return call or next(self.upcoming(), None)

    def upcoming(self) -> Iterator[int]:
        """Yield the tests that may still change the result, in the order in which their results are wanted."""
        if self._legacy:
            self._legacy.advance()
        if self._progress.error is not None:
            return
        order = self._fold.order
        while self._first < len(order) and not self._may_run(order[self._first]):
            self._first += 1
        for position in range(self._first, len(order)):
            if self._may_run(order[position]):
                yield order[position]

    def put(self, number: int, score: TestScore) -> Award:
        """Take the result of a test, and return what it earns."""
        earned = self._progress.awards[number] = award(self._progress.tests[number], score)
        if earned.verdict is Verdict.JUDGE_ERROR:
            self._progress.fail(earned.error)
        elif earned.verdict not in GOOD_VERDICTS:
            self._fold.reject(number)
        return earned.model_copy(update={"points": rounded(earned.points)})

    def put_grade(self, call: GraderCall, output: bytes | None, error: str = "") -> None:
        """Take the standard output of a custom grader; None: it failed, and `error` says how."""
        assert self._legacy is not None
        self._legacy.put_grade(call, output, error)

    def result(self) -> RunResult:
        """Return the result of the run, from the tests so far."""
        progress, scheme = self._progress, self._progress.scheme
        verdict = self._verdict("") or Verdict.ACCEPTED
        scores = {group.name: self._fold.points(group) for group in scheme.groups}
        error = progress.error or self._excess(scores)
        if error:
            verdict = Verdict.JUDGE_ERROR
        is_judged = verdict is not Verdict.JUDGE_ERROR
        earned = scores[""] if scheme.is_scoring else float(verdict in GOOD_VERDICTS)
        groups = tuple(
            GradedGroup(
                name=group.name,
                parent=group.parent or None,
                verdict=self._verdict(group.name),
                points=rounded(group.points),
                points_awarded=rounded(scores[group.name]) if is_judged else None,
                tests=len(progress.members[group.name]),
                passed=progress.passed(group.name),
            )
            for group in scheme.listed
        )
        return RunResult(
            verdict=verdict,
            points=rounded(scheme.points),
            points_awarded=rounded(earned) if is_judged else None,
            groups=groups,
            error=error,
        )

    def _excess(self, scores: Mapping[str, float]) -> str:
        """Return a sentence on a group that earned more than its most; "" if there is none."""
        for group in () if self._legacy else self._progress.scheme.groups:
            earned = scores[group.name]
            if group.points is not None and earned > group.points + ROUNDING:
                return f"The group {group.name or 'data'} has {earned:g} points of {group.points:g}."
        return ""

    def _may_run(self, number: int) -> bool:
        """Return False if the test has its result, or cannot change that of the run any more."""
        return number not in self._progress.awards and (self._run_all or self._progress.is_open(number))

    def _verdict(self, name: str) -> Verdict | None:
        """Return the verdict of a group; None if none of its tests was run."""
        verdicts = self._progress.verdicts(name)
        if verdicts and name in self._progress.grades:
            return self._progress.grades[name].verdict
        if Verdict.JUDGE_ERROR in verdicts:
            return Verdict.JUDGE_ERROR
        bad = (verdict for verdict in verdicts if verdict not in GOOD_VERDICTS)
        return next(bad, Verdict.ACCEPTED if verdicts else None)
