"""The list of the tests: their names, groups, points and visibility. It is made without the student's program."""

import ast
import importlib.util
import math
import pathlib
from collections.abc import Iterable
from typing import Any, Final

from executor.unit_tests.boxes.handles import StudentFinder
from executor.unit_tests.boxes.reporting import ListingFault

#: As in `shared.engine_api.unit_tests`.
_MAX_TESTS: Final = 1000
_MAX_POINTS: Final = 1000
_HIDDEN: Final = {"visible": False, "hidden": True, "after_due_date": True, "after_published": True}


def describe(group: str, name: str, function: Any, points: Any, visibility: Any) -> dict[str, Any]:
    """Return the entry of a test. Raises `ListingFault` for points or a visibility that no test can have.

    A `function` may have the attributes of gradescope-utils' decorators. They count for what is None.
    """
    number = getattr(function, "__number__", None)
    points = getattr(function, "__weight__", 1) if points is None else points
    visibility = getattr(function, "__visibility__", None) if visibility is None else visibility
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points <= _MAX_POINTS:
        raise ListingFault(f"{group}: {name} has the points {points!r}: they must be a number from 0 to {_MAX_POINTS}.")
    if visibility not in _HIDDEN:
        raise ListingFault(
            f"{group}: {name} has the visibility {visibility!r}: it must be one of {', '.join(_HIDDEN)}."
        )
    shown = name if number is None else f"{number}) {name}"
    return {"group": group, "name": shown, "points": round(float(points), 6), "hidden": _HIDDEN[visibility]}


def group_of(path: str, classes: Iterable[str]) -> str:
    """Return a file's path without its extension, and the classes in it, joined by dots."""
    return ".".join([path.removesuffix(".py").replace("/", "."), *classes])


def check(tests: list[dict[str, Any]], finder: StudentFinder, folder: str, test_files: list[str]) -> list[str]:
    """Return the names of the student's modules. Raises `ListingFault` if the tests cannot be used."""
    keys = [(test["group"], test["name"]) for test in tests]
    if not tests:
        raise ListingFault("No test was found.")
    if len(tests) > _MAX_TESTS:
        raise ListingFault(f"There are more than {_MAX_TESTS:,} tests.")
    if twice := [key for key in set(keys) if keys.count(key) > 1]:
        raise ListingFault(f"There are two tests {twice[0][1]!r} in {twice[0][0]}.")
    if not math.fsum(test["points"] for test in tests):
        raise ListingFault("No test has points.")
    _find_imports(folder)
    if not finder.names:
        own = [
            file.name for file in pathlib.Path(folder).rglob("*.py") if file.name not in (*test_files, "conftest.py")
        ]
        hint = f" Their own files have `{own[0]}`: leave it out." if own else ""
        raise ListingFault(f"The tests import no module of the student's.{hint}")
    return finder.names


def _find_imports(folder: str) -> None:
    """Let the finder see the modules that are imported inside of tests."""
    for path in pathlib.Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                try:
                    importlib.util.find_spec(name.partition(".")[0])
                except (ImportError, ValueError):
                    continue
