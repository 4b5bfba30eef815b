"""Folding the results of tests into verdicts and points."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import NO_NUMBER
from shared.judging.grading.award import TestScore, award
from shared.judging.grading.fold import Grading, RunResult
from shared.judging.grading.scheme import Fold, Group, Policy, Scheme, ScoredTest, ScoreRule

AC, WA, TLE, RTE = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT, Verdict.RUNTIME_ERROR
MLE, OLE, JE = Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT, Verdict.JUDGE_ERROR


def tree(fold: Fold, groups: Mapping[str, Any], *, scoring: bool = True, **tests: Any) -> Scheme:
    """Return a scheme of groups by name; the parent of `a/b` is `a`, and that of `a` the root.

    A group's tests are in `tests`; `worth` are the points of each.
    """
    names = list(groups)
    scored: list[ScoredTest] = []
    made: list[Group] = []
    for name, keys in groups.items():
        worth, numbers = keys.pop("worth", 1.0), keys.pop("tests", ())
        scored += [ScoredTest(number=number, group=name, points=worth, **tests) for number in numbers]
        parent = None if name == "" else name.rpartition("/")[0]
        inner = [other for other in names if other and other != name and other.rpartition("/")[0] == name]
        defaults = {"policy": Policy.SUM if scoring else Policy.ALL, "points": None, "children": (*numbers, *inner)}
        made.append(Group(name=name, parent=parent, **{**defaults, **keys}))
    scored.sort(key=lambda test: test.number)
    return Scheme(fold=fold, is_scoring=scoring, points=made[0].points, groups=tuple(made), tests=tuple(scored))


def run(scheme: Scheme, verdicts: Mapping[int, Any], *, run_all: bool = False) -> tuple[list[int], RunResult]:
    """Return the tests that were run, and the result. A verdict may be a `TestScore`; tests without one pass."""
    grading, ran = Grading(scheme, run_all=run_all), []
    while (step := grading.next_step()) is not None:
        assert isinstance(step, int)
        got = verdicts.get(step, AC)
        grading.put(step, got if isinstance(got, TestScore) else TestScore(verdict=got))
        ran.append(step)
    return ran, grading.result()


def legacy(**secret: Any) -> Scheme:
    """Return two samples and the three secret tests of a legacy problem."""
    groups = {
        "": {"grader_flags": ("ignore_sample",), "breaks": False},
        "sample": {"tests": (1, 2)},
        "secret": {"tests": (3, 4, 5), **secret},
    }
    return tree(Fold.LEGACY, groups)


class TestLegacy:
    def test_a_pass_fail_problem_stops_at_the_first_failure(self) -> None:
        groups = {"": {}, "sample": {"tests": (1,)}, "secret": {"tests": (2, 3)}}
        scheme = tree(Fold.LEGACY, groups, scoring=False).model_copy(update={"points": 1.0})
        ran, result = run(scheme, {2: WA})
        assert ran == [1, 2]
        assert (result.verdict, result.points, result.points_awarded) == (WA, 1, 0)
        assert [(group.verdict, group.passed, group.tests) for group in result.groups] == [(AC, 1, 1), (WA, 0, 2)]
        assert run(scheme, {})[1].points_awarded == 1
        sample_failed = run(scheme, {1: TLE})
        assert sample_failed[0] == [1]
        assert sample_failed[1].groups[1].verdict is None

    def test_it_continues_where_that_is_said(self) -> None:
        groups = {"": {"breaks": False}, "secret": {"tests": (1, 2, 3), "breaks": False}}
        ran, result = run(tree(Fold.LEGACY, groups, scoring=False), {1: WA, 2: TLE, 3: OLE})
        assert ran == [1, 2, 3]
        assert result.verdict is TLE

    @pytest.mark.parametrize(
        ("flags", "verdict", "points"),
        [
            ((), RTE, 2),
            (("no_errors",), RTE, 2),
            (("first_error",), WA, 2),
            (("first_error", "worst_error"), RTE, 2),
            (("always_accept",), AC, 2),
            (("accept_if_any_accepted",), AC, 2),
            (("always_accept", "min"), AC, 0),
            (("always_accept", "max"), AC, 2),
            (("always_accept", "avg"), AC, 0.666667),
        ],
    )
    def test_flags_of_the_default_grader(self, flags: tuple[str, ...], verdict: Verdict, points: float) -> None:
        scheme = legacy(grader_flags=flags, breaks=False, worth=2.0)
        _, result = run(scheme, {3: WA, 5: RTE})
        assert result.verdict is verdict
        assert result.groups[1].points_awarded == points
        assert result.points_awarded == (points if verdict is AC else 0)

    def test_samples_do_not_count_if_they_are_ignored(self) -> None:
        ran, result = run(legacy(), {1: WA})
        assert ran == [1, 3, 4, 5]
        assert (result.verdict, result.points_awarded) == (AC, 3)

    def test_groups_are_folded_before_they_count(self) -> None:
        groups = {
            "": {"breaks": False},
            "secret": {"breaks": False, "grader_flags": ("accept_if_any_accepted",)},
            "secret/1": {"tests": (1, 2), "grader_flags": ("min",), "worth": 40.0},
            "secret/2": {"tests": (3, 4), "grader_flags": ("min",), "worth": 60.0},
        }
        ran, result = run(tree(Fold.LEGACY, groups), {1: WA})
        assert ran == [1, 3, 4]
        assert (result.verdict, result.points_awarded) == (AC, 60)
        assert [group.points_awarded for group in result.groups] == [60, 0, 60]

    def test_an_empty_folder_is_accepted_with_nothing(self) -> None:
        groups = {"": {"grader_flags": ("min",)}, "empty": {}, "secret": {"tests": (1,)}}
        _, result = run(tree(Fold.LEGACY, groups), {})
        assert (result.verdict, result.points_awarded) == (AC, 0)

    def test_rejected_tests_may_earn_points_that_the_root_does_not(self) -> None:
        groups = {"": {}, "secret": {"tests": (1, 2), "breaks": False}}
        _, result = run(tree(Fold.LEGACY, groups, reject_points=0.25), {1: WA})
        assert (result.groups[0].points_awarded, result.points_awarded) == (1.25, 0)

    def test_a_score_outside_the_range_is_a_judge_error(self) -> None:
        scheme = legacy(low=0.0, high=2.0)
        ran, result = run(scheme, {})
        assert ran == [1, 2, 3, 4, 5]
        assert (result.verdict, result.points_awarded) == (JE, None)
        assert "range" in result.error

    def test_scores_of_the_checker(self) -> None:
        groups = {"": {}, "secret": {"tests": (1, 2), "worth": None}}
        scheme = tree(Fold.LEGACY, groups, rule=ScoreRule.ABSOLUTE, may_be_negative=True, ignores_multiplier=True)
        scores = {1: TestScore(verdict=AC, score=1234.5), 2: TestScore(verdict=AC, score=-0.5, multiplier=7)}
        assert run(scheme, scores)[1].points_awarded == 1234
        ran, result = run(scheme, {})
        assert ran == [1]
        assert result.verdict is JE

    def test_worst_error_has_its_order(self) -> None:
        order = [RTE, MLE, TLE, OLE, WA]
        for worse, better in itertools.pairwise(order):
            scheme = tree(Fold.LEGACY, {"": {}, "secret": {"tests": (1, 2), "breaks": False}})
            assert run(scheme, {1: better, 2: worse})[1].verdict is worse


class TestCustomGrader:
    def scheme(self) -> Scheme:
        secret = {"tests": (1, 2, 3), "policy": Policy.CUSTOM, "grader_flags": ("a", "b"), "breaks": False}
        return tree(Fold.LEGACY, {"": {}, "secret": {**secret, "worth": 2.5}})

    def test_it_gets_a_line_for_each_child(self) -> None:
        grading = Grading(self.scheme())
        for number, verdict in enumerate((AC, MLE, TLE), 1):
            assert grading.next_step() == number
            grading.put(number, TestScore(verdict=verdict))
        call = grading.next_step()
        assert not isinstance(call, int)
        assert call is not None
        assert (call.group, call.args, call.stdin) == ("secret", ("a", "b"), "AC 2.5\nRTE 0\nTLE 0\n")
        grading.put_grade(call, b"AC 7.25\n")
        assert grading.next_step() is None
        assert (grading.result().verdict, grading.result().points_awarded) == (AC, 7.25)

    @pytest.mark.parametrize(
        ("output", "error"),
        [
            *(
                (output, "")
                for output in (b"", b"AC", b"OK 1", b"AC 1\nAC 2", b"AC nan", b"JE 0", b"AC 1" + b" " * 5000)
            ),
            (b"AC 1e999", "The group secret has inf points, which is not in its range."),
            (None, "The grader crashed."),
        ],
    )
    def test_anything_else_is_a_judge_error(self, output: bytes | None, error: str) -> None:
        grading = Grading(self.scheme())
        for number in (1, 2, 3):
            grading.put(number, TestScore(verdict=AC))
        call = grading.next_step()
        assert call is not None
        assert not isinstance(call, int)
        grading.put_grade(call, output, "The grader crashed." if output is None else "")
        assert grading.next_step() is None
        assert grading.result().verdict is JE
        assert grading.result().error == (error or "The grader did not write one line with a verdict and a score.")


def new(secret: dict[str, Any], groups: Mapping[str, Any], rule: ScoreRule = ScoreRule.BOUNDED) -> Scheme:
    """Return a scoring problem of 2025-09 with one sample, which is test 1."""
    sample = {"tests": (1,), "policy": Policy.ALL, "points": 0.0, "worth": 0.0}
    root = {"policy": Policy.SUM, "points": secret.get("points")}
    return tree(Fold.KATTIS_2025_09, {"": root, "sample": sample, "secret": secret, **groups}, rule=rule)


class Test2025:
    def test_sums_of_fractions_are_whole(self) -> None:
        scheme = new({"points": 100.0, "tests": (2, 3, 4), "worth": 100 / 3}, {})
        _, result = run(scheme, {})
        assert (result.verdict, result.points_awarded) == (AC, 100)
        ran, result = run(scheme, {3: WA})
        assert ran == [1, 2, 3, 4]
        assert (result.verdict, result.points_awarded) == (WA, 66.666667)

    def test_pass_fail_groups_stop_and_earn_all_or_nothing(self) -> None:
        groups = {
            "secret/1": {"tests": (2, 3), "policy": Policy.ALL, "points": 30.0, "worth": 0.0},
            "secret/2": {"tests": (4, 5), "policy": Policy.ALL, "points": 70.0, "worth": 0.0},
        }
        ran, result = run(new({"points": 100.0}, groups, ScoreRule.NONE), {2: TLE})
        assert ran == [1, 2, 4, 5]
        assert (result.verdict, result.points_awarded) == (TLE, 70)
        assert [(group.name, group.points_awarded) for group in result.groups[1:]] == [
            ("secret", 70),
            ("secret/1", 0),
            ("secret/2", 70),
        ]

    def test_the_least_of_a_group(self) -> None:
        scheme = new({"points": 10.0, "policy": Policy.MIN, "tests": (2, 3), "worth": 10.0}, {})
        half = TestScore(verdict=AC, multiplier=0.5)
        assert run(scheme, {3: half})[1].points_awarded == 5
        ran, result = run(scheme, {2: WA})
        assert ran == [1, 2]
        assert result.points_awarded == 0

    def test_the_least_of_groups_waits_for_all_of_them(self) -> None:
        groups = {
            "secret/1": {"tests": (2, 3), "points": 10.0, "worth": 5.0},
            "secret/2": {"tests": (4, 5), "points": 10.0, "worth": 5.0},
        }
        ran, result = run(new({"points": 10.0, "policy": Policy.MIN}, groups), {2: WA, 4: WA, 5: WA})
        assert ran == [1, 2, 3, 4, 5]
        assert result.points_awarded == 0

    def test_what_requires_a_failed_group_is_not_run(self) -> None:
        groups = {
            "secret/1": {"tests": (2, 3), "policy": Policy.ALL, "points": 10.0, "worth": 0.0},
            "secret/2": {"tests": (4,), "policy": Policy.ALL, "points": 20.0, "requires": ("secret/1",)},
            "secret/3": {"tests": (5,), "policy": Policy.ALL, "points": 70.0, "requires": ("secret/2",)},
        }
        scheme = new({"points": 100.0}, groups, ScoreRule.NONE)
        ran, result = run(scheme, {3: WA})
        assert ran == [1, 2, 3]
        assert [group.verdict for group in result.groups] == [AC, WA, WA, None, None]
        assert run(scheme, {})[1].points_awarded == 100
        ran, result = run(scheme, {3: WA}, run_all=True)
        assert ran == [1, 2, 3, 4, 5]
        assert result.points_awarded == 0

    def test_a_failed_sample_stops_only_what_requires_it(self) -> None:
        scheme = new({"points": 100.0, "tests": (2,), "worth": 100.0}, {})
        ran, result = run(scheme, {1: WA})
        assert ran == [1, 2]
        assert (result.verdict, result.points_awarded) == (WA, 100)
        secret = {"points": 100.0, "tests": (2,), "worth": 100.0, "requires": ("sample",)}
        ran, result = run(new(secret, {}), {1: WA})
        assert ran == [1]
        assert result.points_awarded == 0

    def test_more_than_the_most_is_a_judge_error(self) -> None:
        groups = {
            "secret/1": {"tests": (2,), "points": 60.0, "worth": 60.0},
            "secret/2": {"tests": (3,), "points": 60.0, "worth": 60.0},
        }
        _, result = run(new({"points": 100.0}, groups), {})
        assert (result.verdict, result.points_awarded) == (JE, None)
        assert "120" in result.error


class TestPolygon:
    def test_a_complete_group_earns_the_share_of_its_worst_test(self) -> None:
        groups = {
            "": {"points": 40.0},
            "1": {"tests": (1,), "policy": Policy.MIN, "points": 30.0, "worth": 30.0},
            "2": {"tests": (2, 3), "policy": Policy.SUM, "points": 10.0, "worth": 5.0},
        }
        scheme = tree(Fold.POLYGON, groups, rule=ScoreRule.BOUNDED)
        part = TestScore(verdict=AC, score=15)
        assert run(scheme, {1: part, 3: WA})[1].points_awarded == 20

    def test_tests_without_points_count_in_a_complete_group(self) -> None:
        groups = {"": {"points": 30.0}, "1": {"tests": (1, 2), "policy": Policy.MIN, "points": 30.0, "worth": 0.0}}
        scheme = tree(Fold.POLYGON, groups, rule=ScoreRule.BOUNDED)
        assert run(scheme, {})[1].points_awarded == 30
        assert run(scheme, {2: WA})[1].points_awarded == 0

    def test_a_dependency_that_comes_later_is_run_first(self) -> None:
        groups = {
            "": {"points": 3.0},
            "late": {"tests": (1, 3), "requires": ("early",), "points": 2.0},
            "early": {"tests": (2,), "points": 1.0},
        }
        scheme = tree(Fold.POLYGON, groups)
        assert run(scheme, {})[0] == [2, 1, 3]
        assert run(scheme, {2: WA})[0] == [2]


class TestAward:
    @pytest.mark.parametrize(
        ("rule", "score", "expected"),
        [
            (ScoreRule.NONE, {"verdict": AC}, (AC, 10)),
            (ScoreRule.NONE, {"verdict": WA}, (WA, 0)),
            (ScoreRule.NONE, {"verdict": AC, "score": 5}, (JE, None)),
            (ScoreRule.NONE, {"verdict": AC, "multiplier": 1}, (JE, None)),
            (ScoreRule.IGNORED, {"verdict": AC, "score": 5}, (AC, 10)),
            (ScoreRule.IGNORED, {"verdict": WA, "score": 5}, (WA, 0)),
            (ScoreRule.IGNORED, {"verdict": AC, "score": NO_NUMBER}, (AC, 10)),
            (ScoreRule.NONE, {"verdict": AC, "score": NO_NUMBER}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": AC, "multiplier": NO_NUMBER}, (JE, None)),
            (ScoreRule.OPTIONAL, {"verdict": AC, "score": NO_NUMBER}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": AC}, (AC, 10)),
            (ScoreRule.BOUNDED, {"verdict": AC, "score": 2.5}, (AC, 2.5)),
            (ScoreRule.BOUNDED, {"verdict": AC, "score": 10.1}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": AC, "score": -1}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": AC, "multiplier": 0.25}, (AC, 2.5)),
            (ScoreRule.BOUNDED, {"verdict": AC, "multiplier": 1.5}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": AC, "score": 1, "multiplier": 1}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": WA, "score": 0}, (JE, None)),
            (ScoreRule.BOUNDED, {"verdict": TLE, "score": 5}, (TLE, 0)),
            (ScoreRule.BOUNDED, {"verdict": JE}, (JE, None)),
            (ScoreRule.ABSOLUTE, {"verdict": AC, "score": 1e9}, (AC, 1e9)),
            (ScoreRule.ABSOLUTE, {"verdict": AC, "score": -1}, (JE, None)),
            (ScoreRule.ABSOLUTE, {"verdict": AC}, (JE, None)),
            (ScoreRule.ABSOLUTE, {"verdict": AC, "score": 1, "multiplier": 1}, (JE, None)),
            (ScoreRule.ABSOLUTE, {"verdict": AC, "score": float("inf")}, (JE, None)),
            (ScoreRule.ABSOLUTE, {"verdict": AC, "score": 1e300}, (JE, None)),
            (ScoreRule.OPTIONAL, {"verdict": AC}, (AC, 10)),
            (ScoreRule.OPTIONAL, {"verdict": AC, "score": 99}, (AC, 99)),
        ],
    )
    def test_points(self, rule: ScoreRule, score: dict[str, Any], expected: tuple[Verdict, float | None]) -> None:
        earned = award(ScoredTest(number=1, group="secret", points=10, rule=rule), TestScore(**score))
        assert (earned.verdict, earned.points) == expected
        assert bool(earned.error) is (earned.verdict is JE and score["verdict"] is not JE)


def test_nothing_is_run_after_a_judge_error() -> None:
    for fold in Fold:
        scheme = tree(fold, {"": {}, "secret": {"tests": (1, 2, 3), "breaks": False}})
        ran, result = run(scheme, {1: WA, 2: JE}, run_all=True)
        assert ran == [1, 2]
        assert (result.verdict, result.points_awarded) == (JE, None)
        assert result.groups[0].points_awarded is None


def test_upcoming_tests_are_those_that_may_still_count() -> None:
    scheme = new({"points": 100.0, "tests": (2, 3, 4), "policy": Policy.MIN, "worth": 100.0}, {})
    grading = Grading(scheme)
    assert list(grading.upcoming()) == [1, 2, 3, 4]
    grading.put(1, TestScore(verdict=AC))
    assert list(grading.upcoming()) == [2, 3, 4]
    grading.put(2, TestScore(verdict=WA))
    assert list(grading.upcoming()) == []
