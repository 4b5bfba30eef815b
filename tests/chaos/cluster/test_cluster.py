"""Some faults of the cluster, one after the other; `make chaos-cluster MINUTES=10` runs all of them at random."""

from collections.abc import Iterator

import pytest

from tests.chaos.cluster.agreement import disagreements, sweep_and_read
from tests.chaos.cluster.faults import menu
from tests.chaos.cluster.outages import overdue, waits
from tests.chaos.cluster.world import KEY, World, missing_part, running_world
from tests.chaos.fault import Strike
from tests.chaos.load import Load
from tests.chaos.storm import storm
from tests.fixtures.gate import missing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 12


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if (part := missing_part()) is not None:
        missing(*part)
    with running_world() as world:
        yield world


@pytest.fixture(scope="module")
def load(world: World) -> Iterator[Load]:
    with Load(*world.urls, key=KEY) as load:
        yield load


@pytest.fixture(scope="module")
def strikes() -> list[Strike]:
    """Return a list for all faults of this module: the load remembers the waits during each of them."""
    return []


@pytest.mark.parametrize(
    "name",
    [
        "primary cut off, standby promoted",
        "standby cut off, then primary killed",
        "mq-2 cut off",
        "consumer-1 split from the database",
        "store: half-written answers",
        "both databases lost their power",
    ],
)
def test_nothing_is_lost_doubled_or_late(world: World, load: Load, strikes: list[Strike], name: str) -> None:
    fault = next(fault for fault in menu(world) if fault.name == name)
    report = storm(world, [fault], load, seconds=SECONDS, seed=1, rate=3, drain_timeout=90, tell=print)
    assert report.verdict
    assert report.faults[name]
    strikes += report.strikes
    assert report.overdue + overdue(strikes, waits(world, load)) == []
    assert report.verdict.violations + disagreements(sweep_and_read(world, load)) == []
    assert report.verdict.accepted > 0
