"""Unit tests from the request to the result: the samples of the source, with an executor that has pytest."""

from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from tests.fixtures.contract import Api, Contract, mails
from tests.waiting import eventually_sync

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


def test_tests_that_cannot_be_listed_are_a_judge_error(owner: Api) -> None:
    body = owner.submit(
        **sent("ada", unit_tests={"source": "from student import mean\nimport nothing_of_this_name\n1 /"})
    )
    assert (body["verdict"], body["run"]["tests"]) == ("judge_error", None)
    assert "test_main.py" in body["run"]["judge_message"]


def test_the_mail_names_no_hidden_test(owner: Api, system: Contract) -> None:
    body = owner.submit(**sent("alan", email="alan@example.com"))
    [mail] = eventually_sync(lambda: mails(system, "alan@example.com")) or []
    assert mail["Subject"] == f"alan.py: 4 of 6 tests passed (#{body['id']})"
    plain = mail.get_body(("plain",))
    assert plain
    text = plain.get_content()
    assert "hidden 6" in text
    assert "test_an_empty_stack" not in text
    assert "ZeroDivisionError" in text
