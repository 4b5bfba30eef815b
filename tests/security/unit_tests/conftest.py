"""Runs unit tests in a sandbox with the mechanisms of this host."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio

from executor.catalogue.chosen import find_chosen
from executor.catalogue.find import examine
from executor.host import find_mechanisms
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.slots import Slots
from executor.unit_tests.frameworks import frameworks_of
from executor.unit_tests.run import UnitTester
from precieux.host.ports import free_ports
from shared.engine_api.run_call.events import CollectedTest, Collection, JudgeFailed, UnitTestEnded, UnitTestsEnded
from shared.engine_api.run_call.request import ProgramRequest
from tests.fixtures.run_call import as_files

_LETTERS: Final = {"passed": "p", "failed": "f", "error": "e", "skipped": "s", "xfail": "x", "not_run": "n"}

#: By the code of a language, the names of a program and of tests that are one text, and their framework.
_NAMES: Final = {
    "py": ("ada.py", "test_student.py", "pytest"),
    "js": ("ada.js", "student.test.mjs", "node"),
    "java": ("Main.java", "StudentTest.java", "junit"),
}


@dataclass
class Ran:
    """The events of one run."""

    collected: list[CollectedTest]
    tests: list[UnitTestEnded]
    fault: str | None
    end: UnitTestsEnded | None

    @property
    def outcomes(self) -> str:
        return "".join(_LETTERS[test.outcome] for test in self.tests)

    @property
    def said(self) -> dict[str, object]:
        """What was not as a test expects, for the message of an assertion."""
        return {test.name: (end.outcome, end.message) for test, end in zip(self.collected, self.tests, strict=True)}


Run = Callable[..., Awaitable[Ran]]


def make_run(tester: UnitTester, installed: Any) -> Run:
    """Return a function that runs a program, which is text or files, against tests, which are text or files."""

    async def run(program: str | Mapping[str, str], tests: str | Mapping[str, str], **keys: Any) -> Ran:
        name, test_name, framework = _NAMES[installed.code]
        programs = {name: program} if isinstance(program, str) else program
        own = {test_name: tests} if isinstance(tests, str) else tests
        of_tests = {"framework": framework, "files": as_files(own), **keys.pop("unit_tests", {})}
        fields = {
            "language": installed.code,
            "files": as_files(programs),
            "limits": {"cpu_s": 2},
            "unit_tests": of_tests,
            **keys,
        }
        ran = Ran([], [], None, None)
        request = ProgramRequest.model_validate(fields, strict=False)
        async for event in tester.run(request, installed, Slots(1, 0).request()):
            match event:
                case Collection():
                    ran.collected = event.tests
                case UnitTestEnded():
                    ran.tests.append(event)
                case JudgeFailed():
                    ran.fault = event.judge_message
                case UnitTestsEnded():
                    ran.end = event
        ran.tests.sort(key=lambda test: test.number)
        return ran

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def boxes() -> AsyncIterator[tuple[BubblewrapSandbox, Mapping[str, Any]]]:
    """A sandbox, and the languages that it has."""
    # Executors of one port share the users of their programs, and so their limits.
    settings = ExecutorSettings(executor_port=free_ports(1)[0])
    sandbox = BubblewrapSandbox(find_mechanisms(settings))
    try:
        await sandbox.start()
        installed, _ = await examine(sandbox, 1, find_chosen(settings))
        yield sandbox, installed
    finally:
        await sandbox.aclose()


@pytest.fixture(scope="module")
def run(boxes: tuple[BubblewrapSandbox, Mapping[str, Any]]) -> Run:
    return make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["py"])


@pytest.fixture(scope="module")
def run_node(boxes: tuple[BubblewrapSandbox, Mapping[str, Any]]) -> Run:
    if "js" not in boxes[1]:
        pytest.skip("Node is not installed")
    return make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["js"])


@pytest.fixture(scope="module")
def run_java(boxes: tuple[BubblewrapSandbox, Mapping[str, Any]]) -> Run:
    if "java" not in boxes[1] or not frameworks_of(boxes[1]["java"]):
        pytest.skip("Java or JUnit is not installed")
    return make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["java"])
