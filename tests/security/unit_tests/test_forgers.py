"""No program gets points that it has not earned."""

from typing import Any

import pytest

from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.unit_tests import bundle
from executor.unit_tests.run import UnitTester
from tests.security.unit_tests.conftest import Run, make_run
from tests.security.unit_tests.forgers import ENDS_BOXES, FORGERS, MUTANTS, QUICK, SHORT, SPY, TESTS, Mutant

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_LIMITS = {"cpu_s": 0.5, "memory_bytes": 100 << 20, "output_bytes": 100_000}
_LETTERS_OF_LOSS = set("fe")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK or name not in ENDS_BOXES else pytest.param(name, marks=pytest.mark.slow)
        for name in FORGERS
    ],
)
async def test_a_forger_earns_nothing(run: Run, name: str) -> None:
    ran = await run(
        FORGERS[name],
        SHORT if name in ENDS_BOXES else TESTS,
        limits=_LIMITS,
        unit_tests={"total_cpu_s": 60, "limits": {"cpu_s": 1}},
    )
    assert ran.end, ran.fault
    assert set(ran.outcomes[:-1]) <= _LETTERS_OF_LOSS, ran.said
    assert (ran.outcomes[-1], ran.end.points_awarded) == ("p", 1), ran.said
    assert ran.end.verdict not in ("accepted", "judge_error")


async def test_a_program_learns_nothing_of_the_tests(run: Run) -> None:
    secret = "expected-by-the-teacher"
    tests = f"from student import add\nSECRET = '{secret}'\ndef test_of_ada(): assert add(20, 22) == 42\n"
    ran = await run(SPY, tests)
    assert ran.outcomes == "p", ran.said
    printed = ran.tests[0].stdout
    assert "ada.py" in printed
    assert not [word for word in (secret, "test_of_ada", "test_student", "pytest", "points") if word in printed]


async def test_the_tests_have_no_file_of_the_program_on_a_path(run: Run) -> None:
    tests = """
import os, sys, pytest, student, precieux_tests
def test_absent():
    with pytest.raises(FileNotFoundError): open("ada.py")
    assert not [path for path in sys.path if os.path.exists(os.path.join(path, "ada.py"))]
    assert "MARK" in precieux_tests.source() and "MARK" in precieux_tests.source("ada.py")
    with pytest.raises(FileNotFoundError): precieux_tests.source("../settings.json")
def test_descriptors():
    assert not [end for end in ("0", "1", "2") if "pipe" in os.readlink(f"/proc/self/fd/{end}")]
"""
    ran = await run("MARK = 1\n", tests)
    assert ran.outcomes == "pp", ran.said


async def test_a_skip_of_one_test_is_not_raised_in_another(run: Run) -> None:
    program = """
KEPT = []
def call(f):
    try: f()
    except BaseException as exc: KEPT.append(exc)
def add(a, b): raise KEPT[0]
"""
    tests = """
import pytest, student
def test_a(): student.call(lambda: pytest.skip("here"))
def test_b(): assert student.add(1, 2) == 3
"""
    ran = await run(program, tests)
    assert ran.outcomes == "se", ran.said


async def test_a_framework_that_fails_makes_no_test_pass(run: Run) -> None:
    hooks = """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.excinfo: raise RuntimeError("the framework fails")
"""
    tests = """
import pytest
from student import add
def test_a(): assert add(1, 2) == 3
def test_b(): pytest.exit()
def test_c(): pass
"""
    ran = await run("def add(a, b): pass\n", {"test_student.py": tests, "conftest.py": hooks})
    assert ran.outcomes == "eep", ran.said


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.forger)
async def test_a_forger_succeeds_without_the_guard(
    boxes: tuple[BubblewrapSandbox, Any], monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    files = bundle._own_files()
    path = f"executor/unit_tests/boxes/{mutant.file}"
    source = files[path].decode()
    assert source.count(mutant.guard) == 1
    changed = source.replace(mutant.guard, mutant.without).encode()
    monkeypatch.setattr(bundle, "_own_files", lambda: {**files, path: changed})
    run = make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["py"])
    ran = await run(FORGERS[mutant.forger], mutant.tests, limits=_LIMITS)
    of_program = ran.outcomes[:-1] if mutant.tests is TESTS else ran.outcomes
    assert set(of_program) - _LETTERS_OF_LOSS, ran.said
