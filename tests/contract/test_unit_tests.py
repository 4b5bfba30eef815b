"""Unit tests by `POST /run` of a running executor."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest

from shared.engine_api.run_call.events import (
    Collection,
    Finished,
    JudgeFailed,
    Started,
    UnitTestEnded,
    UnitTestsEnded,
)
from tests.fixtures import run_call
from tests.waiting import PATIENCE

_PROGRAM = {"ada.py": "def add(a, b):\n    return a + b\n"}
_TESTS = "from student import add\ndef test_right(): assert add(1, 2) == 3\ndef test_wrong(): assert add(1, 2) == 4\n"


def _unit_tests(source: str = _TESTS, framework: str = "pytest", **keys: Any) -> dict[str, Any]:
    return {"framework": framework, "files": run_call.as_files({"test_student.py": source}), **keys}


async def test_events_of_unit_tests(executor_url: str) -> None:
    for _ in range(2):  # the second time the list of the tests is known, and boxes may be warm
        events = await run_call.events(executor_url, "py", _PROGRAM, unit_tests=_unit_tests())
        started, collection, right, wrong, end, finished = events
        assert isinstance(started, Started)
        assert isinstance(collection, Collection)
        assert [test.name for test in collection.tests] == ["test_right", "test_wrong"]
        assert isinstance(right, UnitTestEnded)
        assert isinstance(wrong, UnitTestEnded)
        assert (right.outcome, right.points_awarded, wrong.outcome, wrong.points_awarded) == ("passed", 1, "failed", 0)
        assert isinstance(end, UnitTestsEnded)
        assert (end.verdict, end.points_awarded, end.starts) == ("wrong_answer", 1, 1)
        assert isinstance(finished, Finished)


async def test_events_of_unit_tests_in_javascript(executor_url: str) -> None:
    tests = (
        "import {test} from 'node:test'\nimport {add} from 'student'\n"
        "test('adds', () => { if (add(1, 2) !== 3) throw 1 })\n"
    )
    program = {"ada.js": "exports.add = (a, b) => a + b\n"}
    for _ in range(2):  # the second time there may be a warm Node, which these boxes do not use
        events = await run_call.events(
            executor_url,
            "js",
            program,
            unit_tests={"framework": "node", "files": run_call.as_files({"main.test.mjs": tests})},
        )
        end = events[-2]
        assert isinstance(end, UnitTestsEnded)
        assert (end.verdict, end.points_awarded, end.starts) == ("accepted", 1, 1)


async def test_tests_at_fault(executor_url: str) -> None:
    events = await run_call.events(executor_url, "py", _PROGRAM, unit_tests=_unit_tests("import student\n"))
    assert events[1:] == [JudgeFailed(judge="unit_tests", judge_message="No test was found."), Finished()]


@pytest.mark.parametrize(
    ("language", "keys", "status"),
    [
        ("py", {"unit_tests": _unit_tests(framework="junit")}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ("bash", {"unit_tests": _unit_tests()}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ("py", {"unit_tests": _unit_tests(limits={"cpu_s": 1e6})}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ("py", {"unit_tests": _unit_tests(module="a b")}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ("py", {"unit_tests": _unit_tests(), "tests": [{"stdin": "x"}]}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ("py", {"unit_tests": _unit_tests("#" * ((1 << 20) + 1))}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
    ids=["framework", "language", "limits", "module", "tests", "size"],
)
def test_what_cannot_run_is_refused(executor_url: str, language: str, keys: dict[str, Any], status: HTTPStatus) -> None:
    body = {"language": language, "files": run_call.as_files(_PROGRAM), **keys}
    assert httpx.post(f"{executor_url}run", json=body, timeout=60 * PATIENCE).status_code == status


def test_the_list_names_the_frameworks(executor_url: str) -> None:
    found = httpx.get(f"{executor_url}list", timeout=60 * PATIENCE).json()["supportedLanguages"]
    frameworks = {row["language"]: [one["framework"] for one in row["unit_tests"]] for row in found}
    assert frameworks.pop("py") == ["pytest", "unittest"]
    assert frameworks.pop("js", ["node"]) == ["node"]
    assert frameworks.pop("java", []) in ([], ["junit"])
    assert not any(frameworks.values())
