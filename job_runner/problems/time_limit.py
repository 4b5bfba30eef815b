"""Decides the result of a check: the time limit that its submissions allow, and each unmet expectation. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.adapters.database.connection import Record
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.judging.packages.expectations import JuryTest, matches, unmet
from shared.judging.packages.model import JurySubmission, Package, PackageFormat, TimeLimitRule
from shared.records.problems.phases import Phase
from shared.records.resources.check_models import CheckResult


@dataclass(frozen=True, slots=True)
class JuryRun:
    """The latest run of a submission of the jury. `verdict` is None if it has no result, as after a cancellation."""

    verdict: Verdict | None
    points: float | None = None
    points_awarded: float | None = None
    judge_message: str = ""
    group_points: Mapping[str, float | None] | None = None
    tests: tuple[JuryTest, ...] = ()
    #: The limit of CPU seconds with which it ran.
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The bounds of the time limit, in CPU seconds; None where there is none.

    `slowest_accepted_s` is the slowest test that it must not stop, `fastest_too_slow_s` the fastest submission that it
    must stop, and `too_slow_s` the fastest of these that ended by itself.
    """

    slowest_accepted_s: float | None
    fastest_too_slow_s: float | None
    too_slow_s: float = math.inf


def jury_tests(package: Package, rows: Iterable[Record | Mapping[str, Any]]) -> tuple[JuryTest, ...]:
    """Return the results of tests from their rows. If tests of Polygon have points, each must earn all of its own."""
    needed = {}
    if package.format is PackageFormat.POLYGON and package.scheme.is_scoring:
        needed = {test.number: (test.points or 0.0) - 1e-6 for test in package.scheme.tests}
    return tuple(
        JuryTest(
            row["name"],
            _jury_verdict(row),
            row["judge_message"] or "",
            is_full=(row["points_awarded"] or 0.0) >= needed.get(row["number"], -math.inf),
            cpu_s=row["cpu_s"] or 0.0,
        )
        for row in rows
    )


def _jury_verdict(row: Record | Mapping[str, Any]) -> Verdict:
    """Return the verdict of a test. A unit test that raises an exception is lost as by a wrong answer.

    The engine reports a test's memory if the program ended in it.
    """
    is_exception = row["outcome"] == UnitTestOutcome.ERROR and row["memory_bytes"] is None
    verdict = Verdict(row["verdict"])
    return Verdict.WRONG_ANSWER if is_exception and verdict is Verdict.RUNTIME_ERROR else verdict


def bounds_of(submission: JurySubmission, entry: Mapping[str, Any], run: JuryRun) -> TimeRange:
    """Return what a submission that has run says of the limit. The times of slower languages are divided."""
    if entry["phase"] == Phase.AT_LIMIT:
        return TimeRange(None, None)
    factor = entry["factor"]
    below = max((test.cpu_s / factor for test in _bounding(submission, run, "bounds_from_below")), default=None)
    above = list(_bounding(submission, run, "bounds_from_above"))
    # A test that was stopped earlier has slept, which says nothing of CPU seconds.
    awake = (test for test in above if test.verdict is not Verdict.TIME_LIMIT or test.cpu_s > 0.9 * run.limit_s)
    too_slow = max((test.cpu_s / factor for test in awake), default=None)
    was_stopped = any(test.verdict is Verdict.TIME_LIMIT for test in above)
    return TimeRange(below, too_slow, math.inf if was_stopped or too_slow is None else too_slow)


def narrowest(bounds: Sequence[TimeRange]) -> TimeRange:
    """Return the bounds that several submissions set together."""
    below = [time_range.slowest_accepted_s for time_range in bounds if time_range.slowest_accepted_s is not None]
    above = [time_range.fastest_too_slow_s for time_range in bounds if time_range.fastest_too_slow_s is not None]
    ended = min((time_range.too_slow_s for time_range in bounds), default=math.inf)
    return TimeRange(max(below, default=None), min(above, default=None), ended)


def _bounding(submission: JurySubmission, run: JuryRun, side: str) -> Iterator[JuryTest]:
    wheres = ["" for part in (submission.run,) if part and getattr(part, side)]
    wheres += [part.where for part in submission.tests if getattr(part, side)]
    return (test for test in run.tests if any(matches(where, test.name) for where in wheres))


def derived_limit(rule: TimeLimitRule, slowest_accepted_s: float) -> float:
    """Return the least multiple of the resolution that leaves the accepted submissions room."""
    # What a float lacks of a multiple must not make one more.
    steps = math.ceil(slowest_accepted_s * rule.from_accepted / rule.resolution - 1e-9)
    return round(max(1, steps) * rule.resolution, 9)


def entry_of(
    submission: JurySubmission, entry: Mapping[str, Any], run: JuryRun | None, limit_s: float | None, margin: float
) -> dict[str, Any]:
    """Return the entry of a submission with its result. A test that took more than `limit_s` counts as too slow.

    `margin` is how many times the limit a submission should take that must be too slow.
    """
    if entry["submission"] is None:
        return dict(entry)
    if run is None or run.verdict is None:
        detail = "It has no result: it was cancelled or deleted, or could not be run."
        return {**entry, "result": CheckResult.UNEXPECTED, "detail": detail}
    tests = [replace(test, verdict=_verdict(test, limit_s)) for test in run.tests]
    verdict = run.verdict
    if verdict is not Verdict.JUDGE_ERROR and tests != list(run.tests):
        verdict = next((test.verdict for test in tests if test.verdict not in GOOD_VERDICTS), verdict)
    sentences = unmet(submission, verdict, run.points_awarded, run.points, tests, run.group_points or {})
    if verdict is Verdict.JUDGE_ERROR:
        sentences += [run.judge_message or next((test.judge_message for test in run.tests[-1:]), "")]
    detail = " ".join(filter(None, sentences))[:2000]
    too_slow_s = bounds_of(submission, entry, run).too_slow_s * entry["factor"]
    if limit_s is not None and limit_s < too_slow_s < limit_s * margin:  # in legacy packages
        detail = detail or f"It takes less than {margin:g} times the limit."
    return {
        **entry,
        "verdict": verdict,
        "verdicts": Counter(test.verdict for test in tests),
        "points_awarded": run.points_awarded,
        "slowest_s": max((test.cpu_s for test in run.tests), default=None),
        "result": CheckResult.UNEXPECTED if sentences else CheckResult.AS_EXPECTED,
        "detail": detail or None,
    }


def _verdict(test: JuryTest, limit_s: float | None) -> Verdict:
    is_late = limit_s is not None and test.cpu_s > limit_s and test.verdict is not Verdict.JUDGE_ERROR
    return Verdict.TIME_LIMIT if is_late else test.verdict
