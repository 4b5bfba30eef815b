"""Tests as JUnit XML: what is lost looks lost to a tool that counts failures and errors."""

from typing import Any
from xml.etree import ElementTree

import pytest

from api_service.v1.reads.junit import document
from shared.records.resources.models import Engine, Run, Test


@pytest.mark.parametrize(("run", "tests", "elements"), [
    ({"verdict": "accepted"}, [{"verdict": "accepted"}, {"outcome": "xfail"}], [None, "skipped"]),
    ({"verdict": "wrong_answer"}, [{"verdict": "wrong_answer", "diff": "\0"}, {"verdict": "ok"}], ["failure", None]),
    ({"verdict": "time_limit"}, [{"verdict": "time_limit"}, {}], ["error", "skipped"]),
    ({"verdict": "memory_limit"}, [{"verdict": "memory_limit", "outcome": "error"}], ["error"]),
    # No test was lost, and yet the run was.
    ({"verdict": "wrong_answer"}, [{"outcome": "skipped"}], ["skipped", "error"]),
    ({"verdict": "judge_error", "judge_message": "There is no test."}, [], ["error"]),
    ({"verdict": "compile_error", "compile_output": "line 1"}, [{"outcome": "not_run"}], ["skipped", "error"]),
    ({"state": "failed"}, [{}], ["skipped", "error"]),
])  # fmt: skip
def test_what_is_lost_looks_lost(run: dict[str, Any], tests: list[dict[str, Any]], elements: list[str | None]) -> None:
    made = [
        Test(**{"number": number, "name": "a\ud800", "hidden": False, "points": 1, **test})
        for number, test in enumerate(tests, 1)
    ]
    engine = Engine(language=None, version=None)
    whole = Run(**{"number": 1, "state": "finished", "attempt": 1, "engine": engine, "tests": made, **run})
    root = ElementTree.fromstring(document("main\x1b.py", whole))
    [suite] = root
    found = [next((one.tag for one in case if one.tag != "properties"), None) for case in suite]
    assert found == elements
    assert (root.get("errors"), root.get("failures")) == (str(found.count("error")), str(found.count("failure")))
    assert suite.get("name") == "main\N{REPLACEMENT CHARACTER}.py"
