"""The verdict of unit tests."""

import pytest

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import CollectedTest, UnitTestEnded
from shared.engine_api.run_call.results import verdict_of_unit_tests
from shared.engine_api.unit_tests import UnitTestOutcome

PASSED = (UnitTestOutcome.PASSED, Verdict.ACCEPTED, 2.0)
SKIPPED = (UnitTestOutcome.SKIPPED, None, 0.0)


@pytest.mark.parametrize(("ends", "verdict"), [
    ([PASSED, PASSED], "accepted"),
    ([PASSED, (UnitTestOutcome.PASSED, Verdict.ACCEPTED, 1.5)], "wrong_answer"),
    ([PASSED, SKIPPED], "wrong_answer"),
    ([PASSED, PASSED, SKIPPED], "accepted"),  # the third has no points
    ([PASSED, (UnitTestOutcome.NOT_RUN, None, 0.0)], "wrong_answer"),
    ([SKIPPED, (UnitTestOutcome.ERROR, Verdict.MEMORY_LIMIT, 0.0), SKIPPED], "memory_limit"),
])  # fmt: skip
def test_only_all_points_are_accepted(ends: list[tuple[UnitTestOutcome, Verdict | None, float]], verdict: str) -> None:
    tests = [
        CollectedTest(name=str(number), group="a", points=2 * (number < 2), hidden=False) for number in range(len(ends))
    ]
    ended = [
        UnitTestEnded(number=number, outcome=outcome, verdict=of_test, points_awarded=points)
        for number, (outcome, of_test, points) in enumerate(ends, 1)
    ]
    assert verdict_of_unit_tests(tests, ended) == verdict
