"""Folds the results of a problem's tests into a verdict, points and the results of groups. Pure.

`Scheme` says how, for the three sources of problems (legacy packages, 2025-09, Polygon). `Grading` folds while the
tests run: it names the next test whose result may still change the result of the run.
"""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared.engine.codex import Verdict


class Fold(StrEnum):
    """By whose rules groups are folded. Packages of 2023-07 are folded as legacy ones."""

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
    """If a judge may score a test. ABSOLUTE: it must, by `score.txt`, without a bound of the test's own."""

    NONE = "none"
    IGNORED = "ignored"
    BOUNDED = "bounded"
    ABSOLUTE = "absolute"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoredTest(_Value):
    """`points` are the most; None: no bound. `low` is what a test earns that was not accepted (legacy)."""

    number: int
    group: str
    points: float | None
    rule: ScoreRule
    reject_points: float = 0


class Group(_Value):
    """`children` are the numbers of tests and the names of groups, in the order in which they are judged.

    `points` are the most; None: no bound. `low` and `high` are the range of an accepted group (legacy).
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


class TestScore(_Value):
    """What a judge said of an output. `score` is absolute, `multiplier` a share of the test's points."""

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
    """`verdict` None: none of its tests was run. `points_awarded` None: judge error."""

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


def award(test: ScoredTest, score: TestScore) -> Award:
    """Return what a test earns (contract 2.3)."""
    raise NotImplementedError


class Grading:
    """The results of one run, while its tests run.

    Until `next_step` returns None: run what it names, and give its result to `put` or `put_grade`. Other tests of
    `upcoming` may run meanwhile; their results wait until `next_step` names them.
    """

    def __init__(self, scheme: Scheme, *, run_all: bool = False) -> None:
        """With `run_all` no test is left out, except after a judge error."""
        raise NotImplementedError

    def next_step(self) -> int | GraderCall | None:
        """Return the number of the next test, or a call of the grader; None: nothing can change the result."""
        raise NotImplementedError

    def upcoming(self) -> Iterator[int]:
        """Yield the tests that may still change the result, in the order in which their results are wanted."""
        raise NotImplementedError

    def put(self, number: int, score: TestScore) -> Award:
        """Take the result of a test, and return what it earns."""
        raise NotImplementedError

    def put_grade(self, call: GraderCall, output: bytes | None, error: str = "") -> None:
        """Take the standard output of a custom grader; None: it failed, and `error` says how."""
        raise NotImplementedError

    def result(self) -> RunResult:
        """Return the result of the run, from the tests so far."""
        raise NotImplementedError
