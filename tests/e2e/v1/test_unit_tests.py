"""Unit tests from the request to the result: the samples of the source, with an executor that has pytest."""

from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from tests.fixtures.contract import Api

pytestmark = pytest.mark.slow

_SAMPLES: Final = Path(__file__).parents[3] / "samples/unit-tests"
_TESTS: Final = (_SAMPLES / "test_student.py").read_text()
NAMES: Final = (
    *("test_mean[numbers0-2]", "test_mean[numbers1-5]", "test_mean[numbers2-0]", "test_no_number_has_a_mean"),
    *("test_the_last_one_comes_first", "test_an_empty_stack"),
)


def sent(name: str, **keys: Any) -> dict[str, Any]:
    program = {"path": f"{name}.py", "content": (_SAMPLES / f"class/{name}.py").read_text()}
    tests = {"files": [{"path": "test_student.py", "content": _TESTS}]}
    return {"language": "py", "source": None, "files": [program], "unit_tests": tests, **keys}


@pytest.mark.parametrize(("name", "outcomes", "points"), [
    ("ada", ["passed"] * 6, 10),
    ("alan", ["passed"] * 3 + ["error", "failed", "passed"], 6),
    ("mallory", None, None),
])  # fmt: skip
def test_the_samples_get_what_they_have_earned(
    owner: Api, name: str, outcomes: list[str] | None, points: float | None
) -> None:
    body = owner.submit(**sent(name))
    run = body["run"]
    tests = run["tests"]
    assert tuple(test["name"] for test in tests) == NAMES
    assert (run["points"], body["unit_tests"]["tests"], body["unit_tests"]["points"]) == (10, 6, 10)
    if outcomes is None:
        assert not {"passed"} & {test["outcome"] for test in tests}
        assert (body["verdict"] != "accepted", run["points_awarded"]) == (True, 0)
        return
    assert [test["outcome"] for test in tests] == outcomes
    assert (run["points_awarded"], body["verdict"] == "accepted") == (points, points == 10)
    assert [test["hidden"] for test in tests] == [False] * 5 + [True]
    junit = ElementTree.fromstring(owner.get(f"/v1/submissions/{body['id']}", params={"format": "junit"}).content)
    assert (junit.get("tests"), int(junit.get("failures", 0)) + int(junit.get("errors", 0))) == (
        "6", len(outcomes) - outcomes.count("passed"),
    )  # fmt: skip


def test_a_run_that_is_not_stored_has_the_same_tests(owner: Api) -> None:
    answer = owner.post("/v1/run", json=sent("alan"))
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert [test["name"] for test in run["tests"]] == [*NAMES]
    assert (run["points_awarded"], run["points"]) == (6, 10)
