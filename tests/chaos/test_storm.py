"""A short storm over each kind of installation; `make chaos MINUTES=10` runs a long one."""

import os
import random

import pytest

from tests.chaos.faults import menu
from tests.chaos.load import Load
from tests.chaos.storm import storm
from tests.chaos.system import System

pytestmark = pytest.mark.slow

SECONDS = 8


@pytest.mark.parametrize("kind", ["embedded", "distributed"])
def test_nothing_is_lost_doubled_or_left_unmailed(kind: str, request: pytest.FixtureRequest) -> None:
    """P1, P2, P3. To repeat a run, set PRECIEUX_TEST_SEED to its seed."""
    system: System = request.getfixturevalue(kind)
    load: Load = request.getfixturevalue(f"{kind}_load")
    seed = int(os.environ.get("PRECIEUX_TEST_SEED") or random.randrange(10**6))
    print(f"seed {seed}")
    report = storm(system, menu(system), load, seconds=SECONDS, seed=seed, tell=print)
    assert report.verdict
    assert report.overdue == []
    assert report.verdict.violations == []
    assert report.verdict.accepted > 0
