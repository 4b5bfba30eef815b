"""Choosing the configurations and the cells to fill."""

import pytest

from tests.hosts.configuration import Configuration
from tests.hosts.configurations import CONFIGURATIONS
from tests.hosts.errors import HostsError
from tests.hosts.outcomes import Outcome
from tests.hosts.plan import Row, choose, estimate_s, plan
from tests.hosts.result import Result
from tests.hosts.suites import LIMIT_S, SUITES

_ONE = Configuration("one", "One", Outcome.BY_CGROUP, suites=("doctor", "programs", "attacks"))
_TWO = Configuration("two", "Two", Outcome.REFUSES)


def _cells(rows: list[Row]) -> list[str]:
    return [f"{row.configuration.name} {cell.suite.name} {cell.part}".strip() for row in rows for cell in row.cells]


def test_configurations_are_chosen_by_pattern_and_suite() -> None:
    assert choose([_ONE, _TWO], [], []) == [_ONE, _TWO]
    assert choose([_ONE, _TWO], ["t*"], []) == [_TWO]
    assert choose([_ONE, _TWO], [], ["programs"]) == [_ONE]
    with pytest.raises(HostsError, match="three"):
        choose([_ONE, _TWO], ["one", "three"], [])


def test_no_suite_is_split_on_a_fast_machine() -> None:
    assert _cells(plan([_ONE, _TWO], [], "", 1)) == ["one doctor", "one programs", "one attacks", "two doctor"]


def test_attacks_are_split_on_a_slow_machine() -> None:
    slow = 3 * LIMIT_S / SUITES["attacks"].native_s
    cells = _cells(plan([_ONE], ["attacks"], "", slow))
    parts = len(cells) - 1
    assert parts > 3
    assert cells == ["one doctor", *(f"one attacks {number}/{parts}" for number in range(1, parts + 1))]
    assert _cells(plan([_ONE], ["attacks"], f"2/{parts}", slow)) == ["one doctor", f"one attacks 2/{parts}"]


def test_a_whole_suite_may_take_longer_on_a_slow_machine() -> None:
    suite = SUITES["conformance"]
    assert suite.limit_s(1) == LIMIT_S
    assert suite.limit_s(30) > 2 * 30 * suite.native_s


def test_cells_with_a_result_are_skipped() -> None:
    done = [Result("one", suite, True, "", 1) for suite in ("doctor", "programs")] + [
        Result("two", "doctor", False, "", 1)
    ]
    assert _cells(plan([_ONE, _TWO], [], "", 1, done)) == ["one doctor", "one attacks"]


def test_the_estimate_grows_with_slowness() -> None:
    assert 0 < estimate_s(plan([_ONE], [], "", 1), 1) < estimate_s(plan([_ONE], [], "", 5), 5)


def test_the_estimate_counts_a_part_as_its_share() -> None:
    whole = estimate_s(plan([_ONE], ["attacks"], "", 1), 1)
    part = estimate_s(plan([_ONE], ["attacks"], "1/9", 27), 1)
    assert len(plan([_ONE], ["attacks"], "1/9", 27)[0].cells) == 2
    assert whole - part == pytest.approx(SUITES["attacks"].native_s * 8 / 9)


def test_configurations_have_unique_names_and_known_suites() -> None:
    names = [one.name for one in CONFIGURATIONS]
    assert len(names) == len(set(names))
    assert all(set(one.suites) <= set(SUITES) and one.suites[0] == "doctor" for one in CONFIGURATIONS)
