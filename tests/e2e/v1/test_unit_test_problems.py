"""Problems that are judged by unit tests. Other keys learn of them what they may, and nothing of hidden tests."""

from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from tests.e2e.v1.conftest import Push, parse
from tests.fixtures.contract import Api, Contract, faults, mails
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

_HAND: Final = Path(__file__).parents[3] / "samples/problems/hand"
FILES: Final = {
    str(path.relative_to(_HAND)): path.read_text()
    for path in _HAND.rglob("*")
    if path.is_file() and not path.is_relative_to(_HAND / "submissions")
}
HIDDEN: Final = ("test_an_empty_hand", "test_what_was_played")
#: Writes all that a program can learn wherever it can write, and then fails in hidden tests.
NOSY: Final = """
import os, sys, traceback
def tell():
    found = "".join(traceback.format_stack()) + repr(sys.argv) + repr(dict(os.environ))
    for root, _, names in os.walk(".."):
        found += "".join(os.path.join(root, name) for name in names)
    print(found); print(found, file=sys.stderr)
    return found
class Hand:
    def __init__(self): self.cards = []
    def take(self, card): self.cards.append(card)
    def play(self): raise RuntimeError(tell())
    def total(self): return 0
tell()
"""


@pytest.fixture
def shared(push: Push, setter: Api) -> str:
    """Store the sample, and share it with other keys."""
    name = push(FILES)
    answer = setter.patch(f"/v1/problems/{name}", json={"visibility": "shared"})
    assert answer.status_code == 200, answer.text
    return name


def sent(source: str, problem: str, **keys: Any) -> dict[str, Any]:
    return {"files": [{"path": "hand.py", "content": source}], "problem": problem, **keys}


def test_the_problem_judges_and_its_owner_sees_all(shared: str, setter: Api, owner: Api) -> None:
    problem = owner.read(f"/v1/problems/{shared}")
    assert (problem["languages"], problem["type"], problem["unit_tests"]) == (["py"], ["scoring"], {"py": "pytest"})
    assert (problem["checker"], problem["points"], problem["limits"]["cpu_s"]) == (None, None, 2)
    good = (_HAND / "submissions/accepted/hand.py").read_text()
    body = setter.submit(**sent(good, shared))
    run = body["run"]
    assert (body["verdict"], run["points"], run["points_awarded"]) == ("accepted", 6, 6), body
    assert [test["hidden"] for test in run["tests"]] == [False, False, True, True]
    assert run["tests"][2]["name"] == "test_an_empty_hand_has_nothing_to_play"
    assert (body["unit_tests"]["files"], body["unit_tests"]["tests"], body["unit_tests"]["points"]) == ([], 4, 6)
    refused = owner.post("/v1/submissions", json={"language": "c", "source": "int main;", "problem": shared})
    assert faults(refused) == {"/language"}


def test_nothing_tells_another_key_of_hidden_tests(shared: str, owner: Api, system: Contract) -> None:
    body = owner.submit(**sent(NOSY, shared, email="nosy@example.com"))
    path = f"/v1/submissions/{body['id']}"
    tests = body["run"]["tests"]
    shown = {"name", "group", "number", "hidden", "outcome", "points", "points_awarded", "truncated"}
    for number, test in enumerate(tests[2:], 3):
        assert {key for key, value in test.items() if value is not None} <= shown - {"group", "truncated"}
        assert (test["name"], test["outcome"], test["points_awarded"]) == (f"hidden {number}", "error", 0)
    assert (tests[1]["name"], tests[1]["outcome"]) == ("test_the_last_card_is_played_first", "error")
    assert (tests[1]["judge_message"], "RuntimeError" in tests[1]["message"]) == (None, True)
    assert tests[1]["stdout"]
    [mail] = eventually_sync(lambda: mails(system, "nosy@example.com")) or []
    with owner.stream("GET", f"{path}/events") as stream:
        events = [event.data for event in parse(stream.iter_lines())]
    junit = owner.get(path, params={"format": "junit"})
    assert len(ElementTree.fromstring(junit.content).findall(".//testcase")) == 4
    everything = [
        *(owner.get(f"{path}{end}").text for end in ("", "/runs", "/runs/1", "/source", "/output", "/stderr")),
        *(owner.get(f"{path}/{end}", params={"test": 3}).text for end in ("output", "stderr")),
        *(owner.get(f"/v1/problems/{shared}").text, owner.get(f"/v1/problems/{shared}/check").text),
        *(owner.get(body["links"]["page"]).text, junit.text, str(events), mail.as_string(), str(body)),
    ]
    assert len(events) > 4
    for text in everything:
        assert not [word for word in (*HIDDEN, "test_hand.py", "IndexError") if word in text], text


def test_a_batch_names_the_problem_once(shared: str, owner: Api) -> None:
    programs = [{"source": source} for source in ((_HAND / "submissions/accepted/hand.py").read_text(), NOSY)]
    answer = owner.post(
        "/v1/batches", json={"defaults": {"language": "py", "problem": shared}, "submissions": programs}
    )
    assert answer.status_code == 201, answer.text
    bodies = [owner.read(f"/v1/submissions/{number}", wait=30) for number in answer.json()["submissions"]]
    assert [(body["verdict"], body["run"]["points_awarded"]) for body in bodies] == [
        ("accepted", 6), ("runtime_error", 1),
    ]  # fmt: skip
