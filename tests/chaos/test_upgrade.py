"""The previous release is replaced by this one while clients submit; `python -m tests.chaos.upgrade` takes longer."""

import pytest

from tests.chaos.system import Backends
from tests.chaos.upgrade import previous_release, unpacked, upgrade

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


def test_a_rolling_upgrade_loses_nothing() -> None:
    commit = previous_release()
    if commit is None:
        pytest.skip("this repository does not have the previous release: it is no clone, or a shallow one")
    with unpacked(commit) as previous:
        report = upgrade(previous, Backends(), seconds=1, tell=print)
    assert report.before <= report.after
    assert report.violations == []
    assert report.verdict.accepted > 0
