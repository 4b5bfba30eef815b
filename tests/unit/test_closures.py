"""The closure of each part: the lines that it reaches by imports, beside its own."""

from functools import cache
from pathlib import Path

import grimp
import pytest

from api_service.settings import DOORS

_ROOT = Path(__file__).parents[2]


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("api_service", "executor", "queue_consumer", "shared", cache_dir=None)


def _lines(module: str) -> int:
    path = _ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return len(file.read_text().splitlines())


def _reached(package: str) -> set[str]:
    """Return the modules that the package imports, directly or not. A module's packages are imported with it."""
    own = {package, *_graph().find_descendants(package)}
    seen, left = set(own), [*own]
    while left:
        for found in _graph().find_modules_directly_imported_by(left.pop()):
            names = found.split(".")
            new = {".".join(names[:length]) for length in range(1, len(names) + 1)} - seen
            seen |= new
            left += new
    return seen - own


@pytest.mark.parametrize(
    ("package", "most"),
    [
        *((f"api_service.doors.{name}", 6000 if name == "judge0" else 3750) for name in DOORS),
        ("executor", 3300),
        ("shared.judging", 1450),
        ("queue_consumer", 4700),
    ],
)
def test_a_part_reaches_few_lines_beside_its_own(package: str, most: int) -> None:
    by_lines = sorted(((_lines(module), module) for module in _reached(package)), reverse=True)
    reached = sum(lines for lines, _ in by_lines)
    assert 500 < reached < most, by_lines[:20]


def test_no_two_modules_import_each_other() -> None:
    """An import for types alone counts, too."""
    arrows = {(own, other) for own in _graph().modules for other in _graph().find_modules_directly_imported_by(own)}
    assert {(own, other) for own, other in arrows if (other, own) in arrows} == set()
