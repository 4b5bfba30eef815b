"""The limits of a program in a problem, by its language."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from shared.engine_api.codex import LimitBounds
from shared.records.problems.submitting import limits_for, time_factor
from shared.records.problems.versions import ProblemVersion

_PACKAGE: Final = {"cpu_s": 2.0, "memory_bytes": 1 << 28, "output_bytes": 1 << 20}
_BOUNDS: Final = {
    "cpu_s": LimitBounds(default=10, max=10),
    "wall_s": LimitBounds(default=20, max=20),
    "memory_bytes": LimitBounds(default=1 << 30, max=1 << 30),
    "output_bytes": LimitBounds(default=1 << 20, max=1 << 20),
}


@pytest.mark.parametrize(
    ("language_limits", "cpu_s", "factor"),
    [
        ({}, 6, 3),
        ({"c": {"cpu_s": 1}}, 6, 3),
        ({"pypy": {"cpu_s": 5}}, 5, 1),
        ({"py": {"cpu_s": 5}}, 5, 1),
        # Without a time of its own it has that of all, without the factor.
        ({"py": {"memory_bytes": 1 << 20}}, 2, 1),
        ({"pypy": {"memory_bytes": 1 << 20}, "py": {"cpu_s": 5}}, 2, 1),
    ],
)
def test_a_language_that_the_settings_name_has_no_factor(
    language_limits: dict[str, Any], cpu_s: float, factor: float
) -> None:
    version = ProblemVersion(
        id=1,
        name="sum",
        owner=1,
        visibility="private",
        title=None,
        version=1,
        digest="",
        package_bytes=0,
        size_bytes=0,
        settings={"language_limits": language_limits},
        summary={"limits": _PACKAGE},
        derived_cpu_s=None,
        created_at=datetime.now(UTC),
        versions=1,
        unit_tests={},
    )
    codes, factors = ("pypy", "py"), {"py": 3.0}
    assert limits_for(version, codes, _BOUNDS, factors)["cpu_s"] == cpu_s
    assert time_factor(version, codes, factors) == factor
