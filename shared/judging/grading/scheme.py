"""How the tests of a problem are grouped and scored, for the three sources of problems. Pure."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

#: A score is no larger, so that sums of scores are numbers.
MAX_POINTS: Final = 1e15
#: Sums of fractions differ from their bounds by less.
ROUNDING: Final = 1e-6


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


class Value(BaseModel):
    """A part of a scheme, or of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoredTest(Value):
    """`points` are the most; None: no bound. `reject_points` are what it earns if it is not accepted (legacy)."""

    number: int
    group: str
    points: float | None
    rule: ScoreRule = ScoreRule.NONE
    reject_points: float = 0
    ignores_multiplier: bool = False
    may_be_negative: bool = False


class Group(Value):
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


class Scheme(Value):
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


_POLICY_FLAGS: Final = (Policy.SUM, Policy.AVG, Policy.MIN, Policy.MAX)
#: The flags of the default grader that choose a verdict.
VERDICT_FLAGS: Final = ("worst_error", "no_errors", "first_error", "always_accept")
GRADER_FLAGS: Final = frozenset((*VERDICT_FLAGS, *_POLICY_FLAGS, "ignore_sample", "accept_if_any_accepted"))


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
