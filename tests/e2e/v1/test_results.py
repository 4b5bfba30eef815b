"""Section 2 of the contract: what a submission, a run and a test say in every state."""

from typing import Any

import pytest

from tests.fixtures.contract import TIME, Api, problem

pytestmark = pytest.mark.slow

SUBMISSION = """
    id state verdict problem language entry files args compiler_args limits checker interactor unit_tests
    stop_at_first_failure stop_after_time_limits email locale metadata batch created_at queue run runs mail webhook
    links
"""
RUN = """
    number state verdict requested_at queued_at started_at finished_at attempt stdout stderr compile_output message
    judge_message truncated exit_code signal cpu_s wall_s memory_bytes engine artifacts artifacts_left_out tests groups
    points points_awarded
"""
TEST = """
    number name group hidden verdict outcome points points_awarded stdout stderr diff message judge_message truncated
    exit_code signal cpu_s wall_s memory_bytes
"""
C_HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def run_of(api: Api, **keys: Any) -> dict[str, Any]:
    body = api.submit(**keys)
    assert body["state"] == "finished", body
    run: dict[str, Any] = body["run"]
    assert body["verdict"] == run["verdict"]
    return run


def test_a_held_submission_has_the_defaults(owner: Api) -> None:
    body = owner.held()
    assert list(body) == SUBMISSION.split()
    expected = {
        "state": "held", "verdict": None, "language": "py", "entry": "main.py",
        "files": [{"path": "main.py", "size_bytes": 8}], "args": [], "compiler_args": [],
        "limits": owner.read("/v1/languages/py")["limits"], "stop_at_first_failure": False,
        "stop_after_time_limits": None, "email": None,
        "locale": "en", "metadata": {}, "batch": None, "queue": None, "run": None, "runs": 0, "mail": None,
        "webhook": None,
    }  # fmt: skip
    assert {key: body[key] for key in expected} == expected
    assert body["checker"]["kind"] == "lines"
    assert TIME.fullmatch(body["created_at"])
    assert isinstance(body["id"], int)
    own = f"{str(owner.base_url).rstrip('/')}/v1/submissions/{body['id']}"
    links = body["links"]
    assert list(links) == ["self", "events", "output", "source", "page"]
    assert links["page"] is None
    assert owner.held(email="a@example.com")["links"]["page"].startswith("http")
    assert {name: links[name] for name in ("self", "events", "output", "source")} == {
        "self": own,
        "events": f"{own}/events",
        "output": f"{own}/output",
        "source": f"{own}/source",
    }


def test_a_finished_submission(owner: Api) -> None:
    body = owner.submit(
        source="import sys\nprint(input(), sys.argv[1:])\nprint('e', file=sys.stderr)", stdin="7", args=["a b", "*"]
    )
    assert list(body) == SUBMISSION.split()
    assert (body["state"], body["verdict"], body["runs"], body["queue"]) == ("finished", "ok", 1, None)
    assert body["links"]["page"] is None
    assert body["args"] == ["a b", "*"]
    assert "stdin" not in body
    run = body["run"]
    assert list(run) == RUN.split()
    expected = {
        "number": 1, "state": "finished", "verdict": "ok", "attempt": 1, "stdout": "7 ['a b', '*']\n", "stderr": "e\n",
        "compile_output": None, "truncated": [], "exit_code": 0, "signal": None, "tests": None, "points": None,
        "points_awarded": None,
    }  # fmt: skip
    assert {key: run[key] for key in expected} == expected
    times = [run[f"{name}_at"] for name in ("requested", "queued", "started", "finished")]
    assert all(TIME.fullmatch(one) for one in times)
    assert times == sorted(times)
    assert 0 < run["cpu_s"] < 2
    assert 0 < run["wall_s"] < 10
    assert isinstance(run["memory_bytes"], int)
    assert run["memory_bytes"] > 0
    assert run["engine"]["language"] == "py"
    assert owner.read("/v1/languages/py")["version"] == run["engine"]["version"]
    assert owner.read(f"/v1/submissions/{body['id']}") == body
    assert owner.read(f"/v1/submissions/{body['id']}/runs/1") == run


def test_a_queued_or_running_submission_has_no_verdict(owner: Api) -> None:
    body = owner.submit(source="import time; time.sleep(1.5)", wait=0)
    seen = set()
    while body["state"] in ("queued", "running"):
        seen.add(body["state"])
        assert list(body) == SUBMISSION.split()
        assert list(body["run"]) == RUN.split()
        run = body["run"]
        assert (body["verdict"], run["verdict"], run["finished_at"], run["exit_code"]) == (None,) * 4
        assert (run["stdout"], run["stderr"], run["cpu_s"]) == (None,) * 3
        assert run["state"] == body["state"]
        assert (body["queue"] is not None) == (body["state"] == "queued")
        if body["queue"]:
            assert list(body["queue"]) == ["position", "estimated_start_at"]
            assert body["queue"]["position"] >= 1
            assert run["started_at"] is None
        else:
            assert TIME.fullmatch(run["started_at"])
        body = owner.read(f"/v1/submissions/{body['id']}")
    assert "running" in seen
    assert body["verdict"] == "ok"


@pytest.mark.parametrize(
    ("source", "verdict", "code", "signal"),
    [
        ("print(1)", "ok", 0, None),
        ("raise SystemExit(3)", "runtime_error", 3, None),
        ("1/0", "runtime_error", 1, None),
        ("import os; os.kill(os.getpid(), 11)", "runtime_error", None, "SIGSEGV"),
        ("import os; os.abort()", "runtime_error", None, "SIGABRT"),
        ("while True: pass", "time_limit", None, ...),
        ("import time; time.sleep(60)", "time_limit", None, ...),
        ("x = bytearray(300_000_000)\nfor i in range(0, 300_000_000, 4096): x[i] = 1", "memory_limit", ..., ...),
        ("while True: print('x' * 1000)", "output_limit", ..., ...),
    ],
)
def test_verdicts(owner: Api, source: str, verdict: str, code: Any, signal: Any) -> None:
    limits = {"cpu_s": 0.5, "wall_s": 1.5, "memory_bytes": 100_000_000, "output_bytes": 100_000}
    run = run_of(owner, source=source, limits=limits)
    assert run["verdict"] == verdict, run
    if code is not ...:
        assert run["exit_code"] == code
    if signal is not ...:
        assert run["signal"] == signal
    assert (run["exit_code"] is None) or (run["signal"] is None)
    assert run["signal"] is None or run["signal"].startswith("SIG")


def test_a_compiled_program(owner: Api) -> None:
    run = run_of(owner, language="c", source=C_HELLO)
    assert (run["verdict"], run["stdout"], run["compile_output"]) == ("ok", "hello\n", "")
    warned = run_of(owner, language="c", source="int main(void) { int unused; return 0; }", compiler_args=["-Wall"])
    assert warned["verdict"] == "ok"
    assert "unused" in warned["compile_output"]
    assert warned["stderr"] == ""


def test_a_program_that_is_not_compiled(owner: Api) -> None:
    run = run_of(owner, language="c", source="int main(void) { return x; }", expected_output="1")
    assert run["verdict"] == "compile_error"
    assert "main.c" in run["compile_output"]
    assert (run["exit_code"], run["signal"], run["state"]) == (None, None, "finished")
    tested = run_of(owner, language="c", source="int main(void) { return x; }", tests=[{}, {"expected_output": "1"}])
    assert tested["verdict"] == "compile_error"
    assert [test["verdict"] for test in tested["tests"]] == [None, None]
    assert (tested["points"], tested["points_awarded"]) == (2, 0)


def test_tests_run_in_order(owner: Api) -> None:
    body = owner.submit(
        source="import sys\nx = input()\nprint(x, *sys.argv[1:])\nif x == 'bad': sys.exit(2)",
        tests=[
            {"stdin": "1", "expected_output": "1"},
            {"name": "second", "stdin": "2", "args": ["a"], "expected_output": "2 b", "points": 2.5, "hidden": True},
            {"stdin": "bad", "expected_output": "bad", "points": 0},
            {"stdin": "4"},
        ],
    )
    assert body["verdict"] == "wrong_answer"
    run = body["run"]
    assert list(run) == RUN.split()
    assert (run["stdout"], run["stderr"], run["exit_code"], run["signal"]) == (None,) * 4
    assert run["compile_output"] is None
    tests = run["tests"]
    assert all(list(test) == TEST.split() for test in tests)
    assert [test["number"] for test in tests] == [1, 2, 3, 4]
    assert [test["name"] for test in tests] == ["1", "second", "3", "4"]
    assert [test["hidden"] for test in tests] == [False, True, False, False]
    assert [test["verdict"] for test in tests] == ["accepted", "wrong_answer", "runtime_error", "ok"]
    assert [test["points"] for test in tests] == [1, 2.5, 0, 1]
    assert [test["points_awarded"] for test in tests] == [1, 0, 0, 1]
    assert (run["points"], run["points_awarded"]) == (4.5, 2)
    assert [test["stdout"] for test in tests] == ["1\n", "2 a\n", "bad\n", "4\n"]
    assert [test["exit_code"] for test in tests] == [0, 0, 2, 0]
    assert [bool(test["diff"]) for test in tests] == [False, True, False, False]
    assert [test["diff"] for test in tests if test["verdict"] != "wrong_answer"] == [None] * 3
    assert len(tests[1]["diff"].splitlines()) <= 10
    assert run["cpu_s"] == pytest.approx(sum(test["cpu_s"] for test in tests))
    assert run["wall_s"] == pytest.approx(sum(test["wall_s"] for test in tests))
    assert run["memory_bytes"] == max(test["memory_bytes"] for test in tests)


def test_the_verdict_over_tests(owner: Api) -> None:
    plain = run_of(owner, source="print(1)", tests=[{}, {}])
    assert plain["verdict"] == "ok"
    assert (plain["points"], plain["points_awarded"]) == (2, 2)
    compared = run_of(owner, source="print(1)", tests=[{}, {"expected_output": "1"}])
    assert compared["verdict"] == "accepted"
    late = run_of(owner, source="print(int(input()))", tests=[{"stdin": "1"}, {"stdin": "x"}, {"expected_output": "2"}])
    assert late["verdict"] == "runtime_error"


def test_stopping_after_time_limits(owner: Api) -> None:
    tests = [{"stdin": text, "expected_output": "x"} for text in ("wrong", "1", "2", "3")]
    source = "text = input()\nwhile text.isdigit(): pass\nprint(text)"
    run = run_of(owner, source=source, tests=tests, limits={"cpu_s": 0.2}, stop_after_time_limits=2)
    assert [test["verdict"] for test in run["tests"]] == ["wrong_answer", "time_limit", "time_limit", None]
    assert (run["verdict"], run["tests"][3]["points_awarded"]) == ("wrong_answer", 0)


def test_stopping_at_the_first_failure(owner: Api) -> None:
    tests = [{"stdin": "1", "expected_output": "1"}, {"stdin": "2", "expected_output": "1"}, {"stdin": "1"}]
    run = run_of(owner, source="print(input())", tests=tests, stop_at_first_failure=True)
    assert [test["verdict"] for test in run["tests"]] == ["accepted", "wrong_answer", None]
    last = run["tests"][2]
    assert list(last) == TEST.split()
    assert (last["stdout"], last["exit_code"], last["cpu_s"], last["memory_bytes"]) == (None,) * 4
    assert (last["name"], last["points"], last["points_awarded"], last["truncated"]) == ("3", 1, 0, [])
    assert (run["points"], run["points_awarded"]) == (3, 1)


def test_texts_are_capped(owner: Api) -> None:
    source = "import sys\nsys.stdout.write('é' * 40000)\nsys.stderr.write('e' * 65536)"
    body = owner.submit(source=source)
    run = body["run"]
    assert run["truncated"] == ["stdout"]
    assert run["stdout"] == "é" * 32768
    assert run["stderr"] == "e" * 65536
    whole = owner.get(body["links"]["output"])
    assert whole.content.decode() == "é" * 40000
    odd = run_of(owner, source="print('x' + 'é' * 40000, end='')")
    assert odd["stdout"] == "x" + "é" * 32767
    tested = owner.submit(source=source, tests=[{}, {}])
    assert [test["truncated"] for test in tested["run"]["tests"]] == [["stdout"], ["stdout"]]
    assert tested["run"]["tests"][0]["stdout"] == "é" * 32768
    answer = owner.get(f"/v1/submissions/{tested['id']}/output", params={"test": 2})
    assert len(answer.content) == 80000


def test_running_again(owner: Api) -> None:
    body = owner.submit(source="import sys\nprint(input() or 'none', sys.argv[1:])", stdin="1", expected_output="1 []")
    path = f"/v1/submissions/{body['id']}"
    assert body["verdict"] == "accepted"
    answer = owner.post(f"{path}/runs", json={"stdin": "2", "args": ["a"], "limits": {"cpu_s": 1}})
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert list(run) == RUN.split()
    assert answer.headers["location"] == f"{body['links']['self']}/runs/2"
    assert (run["number"], run["verdict"], run["stdout"]) == (2, None, None)
    assert run["state"] in ("queued", "running")
    again = owner.read(path, wait=20)
    assert (again["state"], again["verdict"], again["runs"]) == ("finished", "ok", 2)
    assert again["run"]["stdout"] == "2 ['a']\n"
    third = owner.post(f"{path}/runs", params={"wait": 20})
    assert third.status_code == 202
    assert (third.json()["number"], third.json()["verdict"], third.json()["state"]) == (3, "accepted", "finished")
    listed = owner.read(f"{path}/runs")
    assert [one["number"] for one in listed["items"]] == [3, 2, 1]
    assert listed["next"] is None
    assert all(list(one) == RUN.split() for one in listed["items"])
    assert all(one[text] is None for one in listed["items"] for text in ("stdout", "stderr", "compile_output", "tests"))
    assert owner.read(f"{path}/runs/1")["stdout"] == "1 []\n"
    assert owner.get(f"{path}/output", params={"run": 1}).text == "1 []\n"
    assert owner.get(f"{path}/output").text == "1 []\n"
    assert owner.get(f"{path}/output", params={"run": 2}).text == "2 ['a']\n"
    limited = owner.post(
        f"{path}/runs", json={"limits": {"cpu_s": 1}, "stdin": None, "args": None}, params={"wait": 20}
    )
    assert limited.json()["verdict"] == "accepted"


def test_running_again_with_tests(owner: Api) -> None:
    body = owner.submit(source="print(1)", tests=[{"expected_output": "1"}])
    path = f"/v1/submissions/{body['id']}/runs"
    for key, value in {"stdin": "1", "args": ["1"]}.items():
        answer = problem(owner.post(path, json={key: value}), 422)
        assert answer["errors"][0]["pointer"] == f"/{key}"
    again = owner.post(path, json={"limits": {"cpu_s": 1}}, params={"wait": 20}).json()
    assert (again["number"], again["verdict"], again["points_awarded"]) == (2, "accepted", 1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"sauce": 1}, "/sauce"), ({"stdin": "\0"}, "/stdin"), ({"limits": {"cpu_s": 1e9}}, "/limits/cpu_s"), ([], "")],
)
def test_a_fault_in_the_body_of_a_run(owner: Api, body: Any, pointer: str) -> None:
    held = owner.held()
    answer = problem(owner.post(f"/v1/submissions/{held['id']}/runs", json=body), 422)
    assert [error["pointer"] for error in answer["errors"]] == [pointer]
    assert owner.read(f"/v1/submissions/{held['id']}")["state"] == "held"


def test_the_body_of_a_run_is_optional(owner: Api) -> None:
    held = owner.held()
    path = f"/v1/submissions/{held['id']}/runs"
    problem(owner.post(path, content=b"{", headers={"Content-Type": "application/json"}), 400)
    problem(owner.post(path, content=b"{}", headers={"Content-Type": "image/png"}), 415)
    answer = owner.post(path, json={}, params={"wait": 20})
    assert (answer.status_code, answer.json()["state"]) == (202, "finished")


def test_output_is_kept_to_the_byte(owner: Api) -> None:
    """A program may print what is no text."""
    body = owner.submit(source="import sys; sys.stdout.buffer.write(bytes(range(256)))")
    assert owner.get(body["links"]["output"]).content == bytes(range(256))
    tested = owner.submit(source="import sys; sys.stderr.buffer.write(bytes(range(256)))", tests=[{}])
    answer = owner.get(f"/v1/submissions/{tested['id']}/stderr", params={"test": 1})
    assert answer.content == bytes(range(256))


def test_a_run_again_has_no_verdict_before_its_end(owner: Api) -> None:
    body = owner.submit(source="import time; time.sleep(0.5)")
    path = f"/v1/submissions/{body['id']}"
    owner.post(f"{path}/runs")
    now = owner.read(path)
    assert (now["verdict"], now["runs"], now["run"]["number"], now["run"]["verdict"]) == (None, 2, 2, None)
    assert now["state"] in ("queued", "running")
    assert owner.read("/v1/submissions", limit=1)["items"][0]["verdict"] is None
    assert owner.read(f"{path}/runs/1")["verdict"] == "ok"
    assert owner.read(path, wait=20)["verdict"] == "ok"
