"""Checks the list of the tests, which is made without the student's program."""

import ast
import importlib.util
import math
import pathlib
from typing import Any, Final

from executor.unit_tests.boxes.imports import StudentFinder
from executor.unit_tests.boxes.reporting import ListingFault

#: As in `shared.engine_api.unit_tests`.
_MAX_TESTS: Final = 1000


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
