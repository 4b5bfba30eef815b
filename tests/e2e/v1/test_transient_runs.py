"""`POST /v1/run`: programs that run without being stored."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.v1.conftest import Event, parse
from tests.fixtures.contract import Api, Contract, faults
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

KEYS = {
    "language", "verdict", "error", "stdout", "stderr", "compile_output", "message", "judge_message", "truncated",
    "exit_code", "signal", "cpu_s", "wall_s", "memory_bytes", "engine", "tests", "points", "points_awarded",
    "artifacts", "artifacts_left_out",
}  # fmt: skip


def run(api: Api, **keys: Any) -> dict[str, Any]:
    answer = api.post("/v1/run", json={"language": "py"} | keys)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == KEYS
    return body


def events(api: Api, **keys: Any) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream"}
    with api.stream("POST", "/v1/run", json={"language": "py"} | keys, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield from parse(answer.iter_lines())


@pytest.mark.parametrize(
    "keys",
    [
        {"source": "import sys\nprint(input())\nprint('e', file=sys.stderr)\nsys.exit(3)", "stdin": "hé"},
        {"source": "print(1)", "expected_output": "2"},
        {"source": "print(\n"},
        {"language": "c", "source": "int main() { return x; }"},
        {"source": "while True: pass", "limits": {"cpu_s": 0.2}},
        {"source": "import os; os.kill(os.getpid(), 11)"},
        {"source": f"print('é' * {40 << 10})"},
        {"source": "print(int(input()) + 1)", "tests": [
            {"stdin": "1", "expected_output": "2", "points": 2},
            {"stdin": "1", "expected_output": "3", "name": "wrong", "hidden": True},
            {"stdin": "x"},
        ]},
        {"source": "print(1)", "stop_at_first_failure": True, "tests": [{"expected_output": "2"}, {}]},
        {"files": [{"path": "a/main.py", "content": "import b"}, {"path": "a/b.py", "content": "print(2)"}]},
        {"source": "print(1)", "tests": [{}], "checker": {"kind": "program", "language": "py", "source": "exit(43)"}},
        {"source": "print(1)", "tests": [{}], "checker": {"kind": "program", "language": "py", "source": "exit(7)"}},
        {"source": "print(1)", "checker": {"kind": "program", "language": "c", "source": "x"}, "expected_output": ""},
        {"source": "print(1)\nprint(input())", "interactor": {
            "language": "py", "source": "print(input(), flush=True)\nexit(42)",
        }},
    ],
)  # fmt: skip
def test_a_run_is_that_of_a_stored_submission(owner: Api, keys: dict[str, Any]) -> None:
    ours, stored = run(owner, **keys), owner.submit(**keys)["run"]
    for measures in (ours, stored, *(ours["tests"] or ()), *(stored["tests"] or ())):
        for name in ("cpu_s", "wall_s", "memory_bytes"):
            measures[name] = measures[name] is not None
    assert ours == {name: stored[name] for name in KEYS if name in stored} | {
        name: ours[name] for name in ("language", "error", "artifacts")
    }


def test_an_error_says_which_limit_ended_the_program(owner: Api) -> None:
    assert run(owner, source="while True: pass", limits={"cpu_s": 0.2})["error"].startswith("Time limit exceeded")
    assert run(owner, source="print(1)")["error"] is None


def test_files_come_with_the_run(owner: Api) -> None:
    body = run(owner, source="import os; os.makedirs('out', exist_ok=True); open('out/a.txt', 'w').write('hi')")
    [file] = body["artifacts"]
    assert file | {"content": base64.b64decode(file["content"])} == {
        "name": "a.txt", "bytes": 2, "media_type": "text/plain; charset=utf-8", "content": b"hi",
    }  # fmt: skip


def test_a_form_and_a_text_are_bodies_too(owner: Api) -> None:
    files = {"file": ("main.py", "print(input())")}
    answer = owner.post("/v1/run", data={"language": "py", "stdin": "x"}, files=files)
    assert answer.json()["stdout"] == "x\n"
    headers = {"Content-Type": "text/plain"}
    answer = owner.post("/v1/run?language=py&stdin=x", content="print(input())", headers=headers)
    assert answer.json()["stdout"] == "x\n"


def test_what_only_submissions_have_is_refused(owner: Api) -> None:
    stored = {
        "problem": "sum", "email": "a@example.com", "locale": "en", "receipt": True, "hold": False, "metadata": {},
        "webhook_url": "http://127.0.0.1/",
    }  # fmt: skip
    answer = owner.post("/v1/run", json={"language": "py", "source": "print(1)"} | stored)
    assert faults(answer) >= {f"/{name}" for name in stored}
    assert "this run is not stored" in answer.text
    assert faults(owner.post("/v1/run?wait=1", json={"language": "py", "source": "print(1)"})) == {"?wait"}


def test_nothing_is_stored_and_only_run_time_counts(system: Contract) -> None:
    def used() -> dict[str, int]:
        return {one["name"]: one["used"] for one in system.other.read("/v1/usage")["items"]}

    before, submissions = used(), system.other.read("/v1/submissions")
    run(system.other, source="import time; time.sleep(5)")  # it is forgotten again, ten times as fast
    eventually_sync(lambda: used()["run_seconds"] > before["run_seconds"], what="the run time is written")
    after = used()
    assert {**after, "run_seconds": 0} == {**before, "run_seconds": 0}
    assert system.other.read("/v1/submissions") == submissions


def test_output_comes_while_the_program_runs(owner: Api) -> None:
    source = "import sys\nprint('é', flush=True)\nwhile True: pass"
    stream = events(owner, source=source, limits={"cpu_s": 2})
    assert (started := next(stream)).event == "started"
    assert set(started.data) == {"engine"}
    first = next(stream)
    assert (first.event, first.data) == ("stdout", {"text": "é\n"})
    [finished] = stream
    assert (finished.event, finished.data["verdict"], finished.data["stdout"]) == ("finished", "time_limit", "é\n")
    assert set(finished.data) == KEYS
    both = list(events(owner, source="import sys\nprint(1)\nprint(2, file=sys.stderr)"))
    assert {one.event: one.data["text"] for one in both[1:-1]} == {"stdout": "1\n", "stderr": "2\n"}


def test_tests_come_as_they_end(owner: Api) -> None:
    found = list(events(owner, source="print(input())", tests=[{"stdin": "1"}, {"stdin": "2"}]))
    assert [one.event for one in found] == ["started", "test", "test", "finished"]
    assert [one.data for one in found[1:3]] == found[-1].data["tests"]


def test_a_refusal_is_an_answer_before_the_stream(owner: Api) -> None:
    headers = {"Accept": "text/event-stream"}
    answer = owner.post("/v1/run", json={"language": "py", "source": ""}, headers=headers)
    assert faults(answer) == {"/source"}
