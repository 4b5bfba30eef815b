"""The requests and answers of Judge0's contract, row by row, on a running system."""

import re
from typing import Final

import pytest

from tests.fixtures.judge0 import MULTI_FILE, PYTHON, Client, b64, decoded, ended

pytestmark = pytest.mark.slow

TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: The fields of `*`.
ALL: Final = {
    "source_code", "language_id", "compiler_options", "command_line_arguments", "stdin", "expected_output",
    "cpu_time_limit", "cpu_extra_time", "wall_time_limit", "memory_limit", "stack_limit", "max_file_size",
    "max_processes_and_or_threads", "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit", "redirect_stderr_to_stdout", "enable_network", "number_of_runs",
    "additional_files", "callback_url", "stdout", "stderr", "compile_output", "message", "exit_code", "exit_signal",
    "status_id", "status", "language", "created_at", "finished_at", "token", "time", "wall_time", "memory",
}  # fmt: skip
NO_TEXT: Final = "some attributes for {} cannot be converted to UTF-8, use base64_encoded=true query parameter"


# Creating and reading


def test_a_creation_answers_with_a_token_alone(owner: Client) -> None:
    created = owner.create()
    assert list(created) == ["token"]
    assert TOKEN.fullmatch(created["token"])
    assert ended(owner, created["token"])["status"] == {"id": 3, "description": "Accepted"}


def test_the_default_fields(owner: Client) -> None:
    answer = owner.create("print('hi')", _wait="true")
    assert set(answer) == {"token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"}
    assert answer["stdout"] == "hi\n"
    assert answer["stderr"] is answer["compile_output"] is answer["message"] is None
    assert float(answer["time"]) >= 0
    assert isinstance(answer["memory"], int)


def test_all_fields_have_their_types_and_defaults(owner: Client) -> None:
    one = owner.run("print(input())", stdin="7", expected_output="7")
    assert set(one) == ALL
    defaults = {
        "cpu_time_limit": "5.0", "cpu_extra_time": "1.0", "wall_time_limit": "10.0", "memory_limit": 128000,
        "stack_limit": 64000, "max_processes_and_or_threads": 60, "max_file_size": 1024, "number_of_runs": 1,
    }  # fmt: skip
    assert {name: one[name] for name in defaults} == defaults
    assert all(one[name] is False for name in ALL if name.startswith(("enable_", "redirect")))
    assert (one["exit_code"], one["exit_signal"], one["status_id"], one["language_id"]) == (0, None, 3, PYTHON)
    assert (one["source_code"], one["stdin"], one["expected_output"]) == ("print(input())", "7", "7")
    assert one["language"]["id"] == PYTHON
    assert one["language"]["name"].startswith("Python (3.")
    assert TIME.fullmatch(one["created_at"])
    assert TIME.fullmatch(one["finished_at"])
    assert re.fullmatch(r"\d+\.\d+", one["time"])
    assert re.fullmatch(r"\d+\.\d+", one["wall_time"])


def test_only_the_word_true_waits(owner: Client) -> None:
    for word in ("True", "1", "yes", ""):
        assert list(owner.create(_wait=word)) == ["token"]


def test_fields_are_checked_before_anything_is_created(owner: Client) -> None:
    answer = owner.send_one("print(1)", PYTHON, _fields="token,foo, bar")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid fields: [foo, bar]"})
    token = owner.create()["token"]
    answer = owner.get(f"/submissions/{token}", params={"fields": "foo"})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid fields: [foo]"})
    assert set(owner.get(f"/submissions/{token}", params={"fields": "token,language_id"}).json()) == {
        "token",
        "language_id",
    }


@pytest.mark.parametrize("body", ["form", "multipart", "closing slash"])
def test_bodies_may_be_forms(owner: Client, body: str) -> None:
    fields = {"source_code": "print(input())", "language_id": "71", "stdin": "é", "memory_limit": "128000.0"}
    match body:
        case "form":
            answer = owner.post("/submissions?wait=true&fields=stdout,memory_limit", data=fields)
        case "multipart":
            files = {name: (None, value) for name, value in fields.items()}
            answer = owner.post("/submissions?wait=true&fields=stdout,memory_limit", files=files)
        case _:
            answer = owner.post("/submissions/?wait=true&fields=stdout,memory_limit", json=fields)
    assert (answer.status_code, answer.json()) == (201, {"stdout": "é\n", "memory_limit": 128000})


def test_a_body_that_is_no_json_is_refused(owner: Client) -> None:
    answer = owner.post("/submissions", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert owner.post("/submissions", json=[1]).status_code == 422


def test_unknown_fields_are_ignored(owner: Client) -> None:
    assert owner.run(some_field={"a": [1]}, cpu_time_limit=None)["status_id"] == 3


# Base64


def test_base64_in_and_out(owner: Client) -> None:
    text = "é" * 50
    source = f"import sys\nprint(input())\nprint('{'x' * 70}', file=sys.stderr)"
    fields = {"stdin": b64(text), "expected_output": b64(text)}
    one = owner.run(b64(source), _base64_encoded="true", **fields)
    lines = one["stdout"].split("\n")
    assert [len(line) for line in lines[:-1]] == [60, 60, 16]
    assert lines[-1] == ""
    found = decoded(one)
    assert (found["source_code"], found["stdout"], found["status_id"]) == (source.encode(), f"{text}\n".encode(), 3)
    assert found["stderr"] == b"x" * 70 + b"\n"
    assert ended(owner, one["token"])["stdout"] == f"{text}\n"


def test_bytes_that_are_no_text(owner: Client) -> None:
    source = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    data = b"\xff\x00\xfe"
    one = owner.run(b64(source), stdin=b64(data), expected_output=b64(data), _base64_encoded="true")
    found = decoded(one)
    assert (found["stdin"], found["stdout"], found["expected_output"], found["status_id"]) == (data, data, data, 3)
    answer = owner.get(f"/submissions/{one['token']}")
    assert (answer.status_code, answer.json()) == (400, {"error": NO_TEXT.format("this submission")})
    answer = owner.get("/submissions/batch", params={"tokens": one["token"]})
    assert (answer.status_code, answer.json()) == (400, {"error": NO_TEXT.format("one or more submissions")})
    plain = owner.create("import sys; sys.stdout.buffer.write(b'\\xff')", _wait="true")
    assert plain == {"token": plain["token"], "error": NO_TEXT.format("this submission")}


# Validation


def test_required_fields(owner: Client) -> None:
    missing = {"source_code": ["can't be blank"], "language_id": ["can't be blank", "language with id  doesn't exist"]}
    assert owner.errors(None, None) == missing
    assert owner.errors(" \n", PYTHON) == {"source_code": ["can't be blank"]}
    assert owner.errors("x", 150000) == {"language_id": ["language with id 150000 doesn't exist"]}
    archived = "language with id 1 is archived and cannot be used anymore"
    assert owner.errors("x", 1) == {"language_id": [archived]}


def test_all_faults_are_reported_at_once(owner: Client) -> None:
    assert owner.errors("x", MULTI_FILE, memory_limit=1, number_of_runs="x", additional_files="") == {
        "source_code": ["must be blank"],
        "additional_files": ["can't be blank"],
        "memory_limit": ["must be greater than or equal to 2048"],
        "number_of_runs": ["is not a number"],
    }


def test_numbers_may_be_written_in_other_ways(owner: Client) -> None:
    one = owner.run("print(1)", "71", cpu_time_limit="2", memory_limit=100000.7, stack_limit="", number_of_runs="1")
    assert (one["cpu_time_limit"], one["memory_limit"], one["stack_limit"]) == ("2.0", 100000, 64000)
