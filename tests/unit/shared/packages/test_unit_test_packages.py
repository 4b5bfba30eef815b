"""Packages with unit tests in place of test data."""

from typing import Final

import pytest

from shared.engine_api.unit_tests import UnitTestFramework, UnitTestVisibility
from shared.judging.packages.model import ProblemType
from tests.problem_packages import NEW_YAML, TESTS, fault_texts, read

PY: Final = "unit_tests/py/test_stack.py"
FILES: Final[dict[str, str | bytes]] = {
    "problem.yaml": "name: Stack\n",
    PY: "def test(): assert 1",
    "unit_tests/py/__pycache__/test_stack.pyc": "cache",
    "unit_tests/py/data/in.txt": "1",
    "include/py/cards.py": "class Card: pass",
    "submissions/accepted/stack.py": "class Stack: pass",
}
SETTINGS: Final = "unit_tests/settings.yaml"
JAVA: Final = {"unit_tests/java/StackTest.java": "class StackTest { void pops() { fail(); } }"}


def test_a_small_package() -> None:
    package = read(FILES)
    tests = package.unit_tests["py"]
    assert (package.languages, package.types, package.tests) == (("py",), (ProblemType.SCORING,), ())
    assert (package.limits.cpu_s, package.scheme.points, package.warnings) == (2, None, ())
    assert (tests.framework, tests.visibility, tests.module) == ("pytest", UnitTestVisibility.VISIBLE, None)
    assert (tests.limits.asked(), tests.total_cpu_s) == ({"cpu_s": 10}, None)
    assert tests.files == {
        "data/in.txt": "unit_tests/py/data/in.txt", "test_stack.py": PY,
    }  # fmt: skip
    assert package.includes == {"py": {"cards.py": "include/py/cards.py"}}


def test_the_settings_of_a_language_come_before_those_of_all() -> None:
    settings = (
        "visibility: hidden\nlimits: {cpu_s: 3}\ntotal_cpu_s: 9\n"
        "py: {framework: unittest, module: stack, limits: {wall_s: 7}}\n"
    )
    package = read({**FILES, **JAVA, SETTINGS: settings, "problem.yaml": "name: S\nlimits: {time_limit: 4}\n"})
    py, java = package.unit_tests["py"], package.unit_tests["java"]
    assert (py.framework, py.module, py.visibility, py.total_cpu_s) == ("unittest", "stack", "hidden", 9)
    assert (java.framework, java.module, java.visibility) == (UnitTestFramework.JUNIT, None, "hidden")
    assert (py.limits.asked(), java.limits.asked()) == ({"cpu_s": 10, "wall_s": 7}, {"cpu_s": 3})
    assert (package.limits.cpu_s, package.languages) == (4, ("java", "py"))


@pytest.mark.parametrize(("changes", "fault"), [
    (TESTS, "data: The folder does not go with `unit_tests`, which judges by itself; take one of them away."),
    ({"input_validators/g.py": "1"}, "input_validators: The folder does not go with `unit_tests`"),
    ({"unit_tests/c/test.c": "1"}, "unit_tests/c: The folder's name is none of the languages: py, java, js."),
    ({"unit_tests/py/other.py": "1", PY: ""}, f"{PY}: The file is empty; send the tests."),
    ({"unit_tests/py/test_b.py": b"\xff"}, "unit_tests/py/test_b.py: The file is not UTF-8"),
    ({"unit_tests/js/a.txt": "1"}, "unit_tests/js: None of the files is a test file: node finds `*.test.js`"),
    ({SETTINGS: "framework: junit"}, f"{SETTINGS}: `framework` is none of: pytest, unittest."),
    ({SETTINGS: "module: 1-2"}, f"{SETTINGS}: `module` is not a name that can be imported"),
    ({SETTINGS: "visibility: secret"}, f"{SETTINGS}: `visibility` is none of: visible, hidden."),
    ({SETTINGS: "limits: {cpu_s: 61}"}, f"{SETTINGS}: `limits.cpu_s` is more than this service allows: 60."),
    ({SETTINGS: "limits: {processes: 3}"}, f"{SETTINGS}: `limits.processes` is not a key that is known here."),
    ({SETTINGS: "total_cpu_s: 9999"}, f"{SETTINGS}: `total_cpu_s` is more than this service allows: 6000."),
    ({SETTINGS: "java: {module: a}"}, f"{SETTINGS}: `java` is not a key that is known here."),
    ({**JAVA, SETTINGS: "java: {module: a}"}, f"{SETTINGS}: `module` names nothing in Java; leave it out."),
    ({"problem.yaml": f"{NEW_YAML}languages: [c]"}, "problem.yaml: `languages` has no language that has unit tests."),
    ({"unit_tests/py/big": "1" * (2 << 20)}, "unit_tests/py: Its files have"),
])  # fmt: skip
def test_what_no_package_may_have(changes: dict[str, str | bytes], fault: str) -> None:
    faults = fault_texts({**FILES, **changes})
    assert [text for text in faults if text.startswith(fault)], faults
    assert len(faults) == 1


def test_a_folder_without_a_language() -> None:
    assert fault_texts({"problem.yaml": "name: S\n", "unit_tests/test_stack.py": "assert 1"}) == [
        "unit_tests: There are no tests: a folder in it is named by its language, py, java, js."
    ]


def test_what_is_strange() -> None:
    package = read(
        {
            "problem.yaml": "name: Stack\n",
            PY: "def test(): print(1)",
            "submissions/wrong_answer/wrong.c": "int x;",
            "unit_tests/py/test ä.py": "assert",
        }
    )
    assert {warning.path for warning in package.warnings} == {
        PY, "unit_tests/py/test ä.py", "submissions/accepted", "submissions/wrong_answer/wrong.c",
    }  # fmt: skip
    [wrong] = package.submissions
    assert wrong.not_run == "There are no unit tests in its language."


@pytest.mark.parametrize(("folder", "expected"), [
    ("accepted", ["AC"]), ("wrong_answer", ["WA"]), ("run_time_error", ["RTE"]), ("time_limit_exceeded", ["TLE"]),
    ("rejected", ["WA", "TLE", "RTE"]),
])  # fmt: skip
def test_what_the_jury_expects(folder: str, expected: list[str]) -> None:
    package = read({**FILES, f"submissions/{folder}/one.py": "1"})
    assert [one.expected for one in package.submissions if one.path.endswith("one.py")] == [expected]
