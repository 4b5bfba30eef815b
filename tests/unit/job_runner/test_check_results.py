"""What a check says of the jury's submissions, and the time limit that they allow."""

import math
from dataclasses import replace
from typing import Any, Final

import pytest

from job_runner.problems.time_limit import JuryRun, bounds_of, derived_limit, entry_of, jury_tests, narrowest
from shared.engine_api.codex import Verdict
from shared.judging.packages.expectations import JuryTest
from shared.judging.packages.model import Package, PackageFormat, TimeLimitRule
from shared.records.problems.phases import Phase, phase_of
from tests.problem_packages import LEGACY, NEW_YAML, TESTS, read

AC, WA, TLE, JE = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT, Verdict.JUDGE_ERROR
RTE: Final = Verdict.RUNTIME_ERROR
ROW: Final = {
    "name": "sample/1", "number": 1, "cpu_s": 0.1, "points_awarded": 0.0, "judge_message": None, "outcome": None,
    "memory_bytes": 9,
}  # fmt: skip
JURY: Final = {
    "submissions/accepted/a.py": "1",
    "submissions/accepted/sum.py": "1",
    "submissions/time_limit_exceeded/t.py": "1",
    "submissions/wrong_answer/w.py": "1",
}
OLD: Final = read({**LEGACY, **JURY})
NEW: Final = read({"problem.yaml": NEW_YAML, **TESTS, **JURY})


def entries_of(package: Package, **changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "path": submission.path,
            "submission": number,
            "factor": 1.0,
            "phase": phase_of(submission, has_own_limit=False),
            "result": None,
            **changes,
        }
        for number, submission in enumerate(package.submissions)
    ]


def ran(*tests: tuple[Verdict, float], verdict: Verdict | None = None) -> JuryRun:
    bad = [got for got, _ in tests if got is not AC]
    names = ("sample/1", "secret/01")
    results = (JuryTest(name, got, cpu_s=cpu_s) for name, (got, cpu_s) in zip(names, tests, strict=False))
    return JuryRun(verdict or (bad or [AC])[0], 1.0, 1.0, tests=tuple(results))


def bounds_from(package: Package, entries: list[dict[str, Any]], runs: dict[int, JuryRun]) -> Any:
    jury = zip(package.submissions, entries, strict=True)
    return narrowest([bounds_of(one, entry, runs[entry["submission"]]) for one, entry in jury])


def test_who_runs_when() -> None:
    phases = [Phase.FROM_BELOW, Phase.FROM_BELOW, Phase.FROM_ABOVE]
    assert [entry["phase"] for entry in entries_of(OLD)] == [*phases, Phase.AT_LIMIT]
    assert [entry["phase"] for entry in entries_of(NEW)] == [*phases, Phase.FROM_BELOW]


def test_what_bounds_the_limit() -> None:
    runs = {0: ran((AC, 0.1), (AC, 0.3)), 1: ran((AC, 0.2)), 2: ran((AC, 0.5), (AC, 2.5)), 3: ran((WA, 9.0))}
    bounds = bounds_from(OLD, entries_of(OLD), runs)
    assert (bounds.slowest_accepted_s, bounds.fastest_too_slow_s, bounds.too_slow_s) == (0.3, 2.5, 2.5)
    assert bounds_from(NEW, entries_of(NEW), runs).slowest_accepted_s == 9.0
    # One that was stopped may have taken any time. Times of a slower language count for less.
    stopped = bounds_from(OLD, entries_of(OLD, factor=2.0), {**runs, 2: ran((TLE, 2.0))})
    assert (stopped.slowest_accepted_s, stopped.fastest_too_slow_s, stopped.too_slow_s) == (0.15, 1.0, math.inf)
    slept = bounds_from(OLD, entries_of(OLD), {**runs, 2: replace(ran((TLE, 0.1)), limit_s=2.0)})
    assert (slept.fastest_too_slow_s, slept.too_slow_s) == (None, math.inf)
    nothing = bounds_from(OLD, entries_of(OLD, phase=Phase.AT_LIMIT), runs)
    assert (nothing.slowest_accepted_s, nothing.fastest_too_slow_s) == (None, None)


@pytest.mark.parametrize(
    ("rule", "slowest_s", "limit_s"),
    [
        (TimeLimitRule(5, 2), 0.0, 1),
        (TimeLimitRule(5, 2), 0.2, 1),
        (TimeLimitRule(5, 2), 0.201, 2),
        (TimeLimitRule(2, 1.5, resolution=0.1), 0.15, 0.3),
        (TimeLimitRule(2, 1.5, resolution=0.1), 0.151, 0.4),
    ],
)
def test_the_limit_is_a_multiple_of_the_resolution(rule: TimeLimitRule, slowest_s: float, limit_s: float) -> None:
    assert derived_limit(rule, slowest_s) == limit_s


@pytest.mark.parametrize(
    ("package", "path", "run", "limit_s", "result", "verdict"),
    [
        (OLD, "accepted/a.py", ran((AC, 0.1), (AC, 0.1)), 1.0, "as_expected", AC),
        (OLD, "accepted/a.py", ran((AC, 0.1), (AC, 1.1)), 1.0, "unexpected", TLE),
        # It was not stopped, because it ran with more than the limit.
        (OLD, "time_limit_exceeded/t.py", ran((AC, 0.1), (AC, 1.1)), 1.0, "as_expected", TLE),
        (OLD, "time_limit_exceeded/t.py", ran((AC, 0.1), (AC, 0.9)), 1.0, "unexpected", AC),
        (OLD, "wrong_answer/w.py", ran((WA, 0.1)), 1.0, "as_expected", WA),
        (OLD, "wrong_answer/w.py", ran((AC, 0.1), (JE, 2.0), verdict=JE), 1.0, "unexpected", JE),
        (NEW, "time_limit_exceeded/t.py", ran((AC, 0.1), (AC, 1.1)), 1.0, "as_expected", TLE),
        (NEW, "time_limit_exceeded/t.py", ran((WA, 0.1), (AC, 1.1)), 1.0, "unexpected", WA),
        (NEW, "wrong_answer/w.py", ran((WA, 0.1), (AC, 1.1)), None, "as_expected", WA),
        (NEW, "wrong_answer/w.py", JuryRun(None), None, "unexpected", None),
    ],
)
def test_results(
    package: Package, path: str, run: JuryRun, limit_s: float | None, result: str, verdict: Verdict | None
) -> None:
    [(submission, entry)] = [
        pair
        for pair in zip(package.submissions, entries_of(package), strict=True)
        if pair[0].path == f"submissions/{path}"
    ]
    found = entry_of(submission, entry, run, limit_s, 1.0)
    assert (found["result"], found.get("verdict")) == (result, verdict)
    assert (found.get("detail") is None) is (result == "as_expected")
    by_little = entry_of(submission, entry, run, limit_s, 2.0)["detail"] == "It takes less than 2 times the limit."
    assert by_little is (result == "as_expected" and verdict is TLE)


def test_points_of_polygon_must_be_full() -> None:
    package = replace(OLD, format=PackageFormat.POLYGON, scheme=OLD.scheme.model_copy(update={"is_scoring": True}))
    tests = tuple(test.model_copy(update={"points": 2.0}) for test in package.scheme.tests)
    package = replace(package, scheme=package.scheme.model_copy(update={"tests": tests}))
    row = {**ROW, "verdict": "accepted", "points_awarded": 1.0}
    assert [[test.is_full for test in jury_tests(one, [row])] for one in (package, NEW)] == [[False], [True]]


@pytest.mark.parametrize(
    ("verdict", "outcome", "memory_bytes", "counts_as"),
    [
        ("runtime_error", "error", None, WA),
        ("runtime_error", "error", 9, RTE),
        ("time_limit", "error", 9, TLE),
        ("wrong_answer", "failed", None, WA),
        ("runtime_error", None, None, RTE),
    ],
)
def test_an_exception_in_a_unit_test_is_no_crash(
    verdict: str, outcome: str | None, memory_bytes: int | None, counts_as: Verdict
) -> None:
    row = {**ROW, "verdict": verdict, "outcome": outcome, "memory_bytes": memory_bytes}
    assert [test.verdict for test in jury_tests(NEW, [row])] == [counts_as]
