"""The words of unit tests: frameworks, outcomes, and which files hold tests. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum
from keyword import iskeyword
from typing import Final

#: The most tests of a collection, and the most points of a test.
MAX_UNIT_TESTS: Final = 1000
MAX_UNIT_TEST_POINTS: Final = 1000


class UnitTestFramework(StrEnum):
    """The framework that runs the tests: `pytest` runs classes of unittest too, `unittest` in its loader's order."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    JUNIT = "junit"
    NODE = "node"


#: The code of the language that a framework's tests are written in.
FRAMEWORK_LANGUAGES: Final = {
    UnitTestFramework.PYTEST: "py",
    UnitTestFramework.UNITTEST: "py",
    UnitTestFramework.JUNIT: "java",
    UnitTestFramework.NODE: "js",
}


class UnitTestVisibility(StrEnum):
    VISIBLE = "visible"
    HIDDEN = "hidden"


class UnitTestOutcome(StrEnum):
    """How a unit test ended. Only `passed` earns points.

    failed: an assertion was wrong. error: anything else was raised, or a box ended. xfail: it is marked to fail, and
    has no points.
    """

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAIL = "xfail"
    NOT_RUN = "not_run"


#: A file of the language, and of these a file that holds tests, by the last part of the path.
_PATTERNS: Final = {
    "py": (r".+\.py", r"test_.*\.py|.*_test\.py"),
    "java": (r".+\.java", r".*Tests?\.java|Test.*\.java"),
    "js": (r".+\.[mc]?js", r".*\.test\.[mc]?js|test-.*\.[mc]?js|test\.[mc]?js"),
}


def find_test_files(framework: UnitTestFramework, paths: Sequence[str]) -> list[str]:
    """Return the files that hold tests, in the order of `paths`. An only file of the language holds tests, whatever its
    name."""
    of_language, of_tests = _PATTERNS[FRAMEWORK_LANGUAGES[framework]]
    sources = [path for path in paths if re.fullmatch(of_language, path.rpartition("/")[2])]
    if len(sources) == 1:
        return sources
    return [path for path in sources if re.fullmatch(of_tests, path.rpartition("/")[2])]


def is_module_name(name: str) -> bool:
    """Return True if a Python program can import a module of this name."""
    return all(part.isidentifier() and not iskeyword(part) for part in name.split("."))
