"""The front door for clients of Judge0: its contract, row by row, on a running system."""

import base64
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.fixtures.judge0 import BASH, EXECUTABLE, JAVA, MULTI_FILE, PLAIN_TEXT, PYTHON, C, Client, Door, decoded
from tests.waiting import eventually_sync

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: The fields of `*`.
ALL: Final = {
    "source_code", "language_id", "compiler_options", "command_line_arguments", "stdin", "expected_output",
    "cpu_time_limit", "cpu_extra_time", "wall_time_limit", "memory_limit", "stack_limit", "max_file_size",
    "max_processes_and_or_threads", "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "redirect_stderr_to_stdout", "enable_network", "number_of_runs", "additional_files", "callback_url", "stdout",
    "stderr", "compile_output", "message", "exit_code", "exit_signal", "status_id", "status", "language", "created_at",
    "finished_at", "token", "time", "wall_time", "memory",
}  # fmt: skip
UNUSED_TOKEN: Final = str(uuid4())
NO_TEXT = "some attributes for {} cannot be converted to UTF-8, use base64_encoded=true query parameter"


@pytest.fixture
def owner(judge0: Door) -> Client:
    return judge0.owner


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def zipped(files: Mapping[str, str | bytes]) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return b64(packed.getvalue())


def ended(client: Client, token: str, **query: Any) -> Any:
    """Return a submission when it has ended."""

    def answer() -> Any:
        found = client.get(f"/submissions/{token}", params={"fields": "*", **query})
        assert found.status_code == 200, found.text
        return found.json() if found.json()["status_id"] > 2 else None

    return eventually_sync(answer, timeout=30)


# Creating and reading


def test_a_creation_answers_with_a_token_alone(owner: Client) -> None:
    created = owner.create()
    assert list(created) == ["token"]
    assert TOKEN.fullmatch(created["token"])
    one = ended(owner, created["token"])
    assert set(one) == ALL
    assert one["status"] == {"id": 3, "description": "Accepted"}


def test_the_default_fields(owner: Client) -> None:
    answer = owner.create("print('hi')", _wait="true")
    assert set(answer) == {"token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"}
    assert (answer["stdout"], answer["stderr"], answer["compile_output"], answer["message"]) == (
        "hi\n",
        None,
        None,
        None,
    )
    assert float(answer["time"]) >= 0
    assert isinstance(answer["memory"], int)


def test_all_fields_have_their_types_and_defaults(owner: Client) -> None:
    one = owner.run("print(input())", stdin="7", expected_output="7")
    assert set(one) == ALL
    assert {name: one[name] for name in ("cpu_time_limit", "cpu_extra_time", "wall_time_limit")} == {
        "cpu_time_limit": "5.0",
        "cpu_extra_time": "1.0",
        "wall_time_limit": "10.0",
    }
    numbers = {"memory_limit": 128000, "stack_limit": 64000, "max_processes_and_or_threads": 60, "max_file_size": 1024}
    assert {name: one[name] for name in numbers} == numbers
    assert one["number_of_runs"] == 1
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


def test_only_the_word_true_means_base64(owner: Client) -> None:
    assert owner.run("print(1)", _base64_encoded="TRUE")["stdout"] == "1\n"


def test_bad_base64_is_decoded_as_far_as_it_goes(owner: Client) -> None:
    source = b64("print(12)")
    one = owner.run(f" {source[:4]}\n*{source[4:]}=rest", _base64_encoded="true")
    assert decoded(one)["stdout"] == b"12\n"


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


def test_what_is_required(owner: Client) -> None:
    missing = {"source_code": ["can't be blank"], "language_id": ["can't be blank", "language with id  doesn't exist"]}
    assert owner.errors(None, None) == missing
    assert owner.errors(" \n", PYTHON) == {"source_code": ["can't be blank"]}
    assert owner.errors("x", 150000) == {"language_id": ["language with id 150000 doesn't exist"]}
    archived = "language with id 1 is archived and cannot be used anymore"
    assert owner.errors("x", 1) == {"language_id": [archived]}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cpu_time_limit", "a", "is not a number"),
        ("cpu_time_limit", True, "is not a number"),
        ("cpu_time_limit", -1, "must be greater than or equal to 0"),
        ("cpu_time_limit", 15.1, "must be less than or equal to 15.0"),
        ("cpu_extra_time", 5.1, "must be less than or equal to 5.0"),
        ("wall_time_limit", 0.9, "must be greater than or equal to 1"),
        ("wall_time_limit", "20.1", "must be less than or equal to 20.0"),
        ("memory_limit", 2047, "must be greater than or equal to 2048"),
        ("memory_limit", 512001, "must be less than or equal to 512000"),
        ("stack_limit", -1, "must be greater than or equal to 0"),
        ("stack_limit", 128001, "must be less than or equal to 128000"),
        ("max_processes_and_or_threads", 0, "must be greater than 0"),
        ("max_processes_and_or_threads", 121, "must be less than or equal to 120"),
        ("max_file_size", -1, "must be greater than or equal to 0"),
        ("max_file_size", 4097, "must be less than or equal to 4096"),
        ("number_of_runs", 0, "must be greater than 0"),
        ("number_of_runs", 21, "must be less than or equal to 20"),
        ("enable_network", True, "enabling network is not allowed"),
        ("command_line_arguments", "x" * 513, "is too long (maximum is 512 characters)"),
        ("compiler_options", "-O2", "setting compiler options is only allowed for compiled languages"),
    ],
)
def test_bounds(owner: Client, field: str, value: Any, message: str) -> None:
    assert owner.errors(**{field: value}) == {field: [message]}


def test_all_faults_are_told_at_once(owner: Client) -> None:
    assert owner.errors("x", MULTI_FILE, memory_limit=1, number_of_runs="x", additional_files="") == {
        "source_code": ["must be blank"],
        "additional_files": ["can't be blank"],
        "memory_limit": ["must be greater than or equal to 2048"],
        "number_of_runs": ["is not a number"],
    }


def test_numbers_may_be_written_in_other_ways(owner: Client) -> None:
    one = owner.run("print(1)", "71", cpu_time_limit="2", memory_limit=100000.7, stack_limit="", number_of_runs="1")
    assert (one["cpu_time_limit"], one["memory_limit"], one["stack_limit"]) == ("2.0", 100000, 64000)


# How programs end


def test_a_wrong_answer(owner: Client) -> None:
    one = owner.run("print(1)", expected_output="2")
    assert (one["status"], one["exit_code"]) == ({"id": 4, "description": "Wrong Answer"}, 0)


@pytest.mark.parametrize(
    ("source", "expected", "status"),
    [
        ("print('a \\r\\nb\\t\\n\\n')", "a\nb", 3),
        ("print(' a')", "a", 4),
        ("print('a\\0 \\0')", "a", 3),
        ("", "", 3),
        ("print('a')", "a \n\n", 3),
    ],
)
def test_the_comparison(owner: Client, source: str, expected: str, status: int) -> None:
    assert owner.run(f"pass\n{source}", expected_output=expected)["status_id"] == status


def test_an_exit_code(owner: Client) -> None:
    one = owner.run("print('x', flush=True); raise SystemExit(3)")
    assert (one["status"]["description"], one["exit_code"], one["exit_signal"]) == ("Runtime Error (NZEC)", 3, None)
    assert (one["message"], one["stdout"]) == ("Exited with error status 3", "x\n")


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [("SEGV", 11, 7), ("XFSZ", 25, 8), ("FPE", 8, 9), ("ABRT", 6, 10), ("KILL", 9, 12)],
)
def test_a_signal(owner: Client, name: str, number: int, status: int) -> None:
    source = f"#include <signal.h>\nint main(void) {{ raise(SIG{name}); return 0; }}"
    one = owner.run(source, C)
    assert (one["status_id"], one["exit_signal"], one["exit_code"]) == (status, number, 0)
    assert one["message"] == f"Caught fatal signal {number}"


def test_the_limit_of_cpu_time(owner: Client) -> None:
    one = owner.run("while True: pass", cpu_time_limit=0.3, cpu_extra_time=0.2)
    assert (one["status"]["description"], one["message"]) == ("Time Limit Exceeded", "Time limit exceeded")
    assert 0.3 < float(one["time"]) < 1.5


def test_the_extra_time_is_judged_by_the_limit(owner: Client) -> None:
    source = "import time\nwhile time.process_time() < 0.6: pass\nprint('done')"
    one = owner.run(source, cpu_time_limit=0.3, cpu_extra_time=3)
    assert (one["status_id"], one["stdout"]) == (5, "done\n")


def test_the_limit_of_elapsed_time(owner: Client) -> None:
    one = owner.run("import time; time.sleep(5)", wall_time_limit=1)
    assert (one["status_id"], one["message"]) == (5, "Time limit exceeded (wall clock)")


def test_a_compilation_error(owner: Client) -> None:
    one = owner.run("int main(void) { return x; }", C)
    assert one["status"] == {"id": 6, "description": "Compilation Error"}
    assert "error" in one["compile_output"]
    empty = ("stdout", "stderr", "time", "wall_time", "memory", "exit_code", "exit_signal", "message")
    assert [one[name] for name in empty] == [None] * len(empty)


def test_a_warning_of_the_compiler_stays(owner: Client) -> None:
    one = owner.run("#warning careful\nint main(void) { return 0; }", C)
    assert one["status_id"] == 3
    assert "careful" in one["compile_output"]


def test_the_limit_of_memory(owner: Client) -> None:
    source = "#include <stdlib.h>\n#include <string.h>\nint main(void) { memset(malloc(1 << 28), 1, 1 << 28); }"
    one = owner.run(source, C)
    assert (one["status_id"], one["exit_signal"]) == (12, 9)
    one = owner.run("x = bytearray(1 << 30)")
    assert (one["status_id"], one["exit_code"], one["exit_signal"]) in ((12, 0, 9), (11, 1, None))


def test_the_limit_of_the_stack(owner: Client) -> None:
    source = "int f(int n) { volatile char a[1024]; a[0] = n; return n ? f(n - 1) + a[0] : 0; }\n"
    source += "int main(void) { f(20000); return 0; }"
    assert owner.run(source, C, compiler_options="-O0", stack_limit=8000)["status_id"] == 7
    assert owner.run(source, C, compiler_options="-O0")["status_id"] == 3


def test_the_limit_of_files(owner: Client) -> None:
    source = '#include <stdio.h>\nint main(void) { FILE *f = fopen("f", "w");'
    source += " for (int i = 0; i < 200000; i++) fputc('x', f); return fclose(f); }"
    assert owner.run(source, C, max_file_size=100)["status_id"] == 8
    assert owner.run(source, C, max_file_size=1000)["status_id"] == 3


def test_an_output_is_a_file_too(owner: Client) -> None:
    one = owner.run("print('x' * 200000)", max_file_size=100)
    assert (one["status_id"], one["exit_signal"], len(one["stdout"])) == (8, 25, 102400)


def test_the_number_of_processes(owner: Client) -> None:
    source = "import threading, time\nfor i in range(40): threading.Thread(target=time.sleep, args=(1,)).start()"
    assert owner.run(source, max_processes_and_or_threads=20)["status_id"] == 11
    assert owner.run(source)["status_id"] == 3


def test_standard_error_can_go_with_standard_output(owner: Client) -> None:
    source = "import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr, flush=True)\nprint('c')"
    one = owner.run(source, redirect_stderr_to_stdout=True)
    assert (one["stdout"], one["stderr"]) == ("a\nb\nc\n", None)


def test_a_program_in_another_format(owner: Client) -> None:
    one = owner.run(b64(b"\x7fELF" + bytes(100)), EXECUTABLE, _base64_encoded="true")
    assert one["status"] == {"id": 14, "description": "Exec Format Error"}


def test_several_runs(owner: Client) -> None:
    source = "import os\nprint(input(), os.path.exists('x'))\nopen('x', 'w')"
    one = owner.run(source, stdin="7", expected_output="7 False", number_of_runs=3)
    assert (one["status_id"], one["stdout"], one["number_of_runs"]) == (3, "7 False\n", 3)
    assert owner.run("raise SystemExit(1)", number_of_runs=20)["status_id"] == 11


# Options, arguments, and programs of several files


def test_arguments_are_split_as_a_shell_does(owner: Client) -> None:
    source = "import sys; print(sys.argv[1:])"
    one = owner.run(source, command_line_arguments="a 'b c' $HOME;x|y")
    assert one["stdout"] == "['a', 'b c', 'HOMExy']\n"
    assert one["command_line_arguments"] == "a 'b c' $HOME;x|y"


def test_options_go_to_the_compiler(owner: Client) -> None:
    source = "#include <stdio.h>\nint main(void) { puts(GREETING); }"
    one = owner.run(source, C, compiler_options="-DGREETING='\"hi there\"'")
    assert (one["status_id"], one["stdout"]) == (3, "hi there\n")
    assert "--plugin=x" in str(owner.errors(source, C, compiler_options="--plugin=x"))


def test_additional_files_are_beside_the_source(owner: Client) -> None:
    files = zipped({"data/a.txt": "from the zip", "script.py": "print('never')"})
    one = owner.run("print(open('data/a.txt').read())", additional_files=files)
    assert (one["stdout"], one["additional_files"]) == ("from the zip\n", files)
    header = zipped({"a.h": "#define X 5\n", "other.c": "this is no C\n"})
    source = '#include "a.h"\n#include <stdio.h>\nint main(void) { printf("%d", X); }'
    assert owner.run(source, C, additional_files=header)["stdout"] == "5"


def test_what_is_no_zip_is_left_out(owner: Client) -> None:
    assert owner.run("print(1)", additional_files=b64("no zip"))["stdout"] == "1\n"


def test_a_program_of_several_files(owner: Client) -> None:
    files = {"compile": "echo compiling; cp a b\n", "run": "cat b -\n", "a": "from a\n"}
    one = owner.run("", MULTI_FILE, additional_files=zipped(files), stdin="input")
    assert (one["status_id"], one["stdout"], one["compile_output"]) == (3, "from a\ninput", "compiling\n")
    assert one["source_code"] is None
    failing = zipped({"compile": "echo no; exit 1\n", "run": "echo never\n"})
    one = owner.run(None, MULTI_FILE, additional_files=failing)
    assert (one["status_id"], one["compile_output"], one["stdout"]) == (6, "no\n", None)
    one = owner.run(None, MULTI_FILE, additional_files=zipped({"a": "b"}))
    assert (one["status_id"], one["exit_code"]) == (11, 127)


def test_plain_text_and_a_compiled_program(owner: Client) -> None:
    one = owner.run("two\nlines", PLAIN_TEXT)
    assert (one["stdout"], one["source_code"]) == ("two\nlines", "two\nlines")
    with open("/bin/echo", "rb") as file:
        program = file.read()
    one = owner.run(b64(program), EXECUTABLE, command_line_arguments="a b", _base64_encoded="true")
    assert decoded(one)["stdout"] == b"a b\n"
    assert decoded(one)["source_code"] == program


@pytest.mark.parametrize(
    ("number", "source"),
    [
        (BASH, "echo hi"),
        (JAVA, 'public class Main { public static void main(String[] a) { System.out.println("hi"); } }'),
        (63, "console.log('hi')"),
        (52, '#include <iostream>\nint main() { std::cout << "hi\\n"; }'),
        (85, 'print "hi\\n";'),
    ],
)
def test_each_language_greets(owner: Client, number: int, source: str) -> None:
    if all(language["id"] != number for language in owner.get("/languages").json()):
        pytest.skip("it is not installed")
    assert owner.run(source, number)["stdout"] == "hi\n"


# Batches


def test_a_batch(owner: Client) -> None:
    one = {"source_code": "print(1)", "language_id": PYTHON}
    wrong = {"source_code": "", "language_id": 150000}
    answer = owner.post("/submissions/batch", json={"submissions": [one, wrong, one]})
    assert answer.status_code == 201
    first, second, third = answer.json()
    assert second == {
        "source_code": ["can't be blank"],
        "language_id": ["language with id 150000 doesn't exist"],
    }
    tokens = [third["token"], UNUSED_TOKEN, first["token"]]
    for token in (first["token"], third["token"]):
        ended(owner, token)
    for found in (
        owner.get("/submissions/batch", params={"tokens": ",".join(tokens), "fields": "token,stdout"}),
        owner.get("/submissions/batch/", headers={"tokens": ",".join(tokens)}, params={"fields": "token,stdout"}),
    ):
        assert found.json() == {
            "submissions": [
                {"token": third["token"], "stdout": "1\n"},
                None,
                {"token": first["token"], "stdout": "1\n"},
            ]
        }
    answer = owner.post("/submissions/batch", json={"submissions": [wrong]})
    assert (answer.status_code, answer.json()) == (422, [second])


def test_the_size_of_a_batch(owner: Client) -> None:
    none = {"error": "there should be at least one submission in a batch"}
    many = {"error": "number of submissions in a batch should be less than or equal to 20"}
    one = {"source_code": "print(1)", "language_id": PYTHON}
    bodies: list[dict[str, Any]] = [{}, {"submissions": []}, {"submissions": "x"}]
    for body in bodies:
        answer = owner.post("/submissions/batch", json=body)
        assert (answer.status_code, answer.json()) == (400, none)
    answer = owner.post("/submissions/batch", json={"submissions": [one] * 21})
    assert (answer.status_code, answer.json()) == (400, many)
    assert owner.get("/submissions/batch").json() == none
    answer = owner.get("/submissions/batch", params={"tokens": ",".join([UNUSED_TOKEN] * 21)})
    assert (answer.status_code, answer.json()) == (400, many)


# Who may do what


def test_every_call_needs_a_token(judge0: Door) -> None:
    paths = ("/languages", "/about", "/statuses", "/config_info", f"/submissions/{UNUSED_TOKEN}", "/submissions")
    for path in paths:
        answer = judge0.stranger.get(path)
        assert (answer.status_code, answer.content) == (401, b"")
    assert judge0.stranger.post("/submissions", json={}).status_code == 401
    assert judge0.stranger.get("/languages", headers={"X-Auth-Token": "x" * 40}).status_code == 401
    key = judge0.keys["owner"]
    assert judge0.stranger.get("/languages", params={"X-Auth-Token": key}).status_code == 200
    assert judge0.stranger.get("/languages", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    ignored = {"X-Auth-Token": key, "X-RapidAPI-Key": "x", "X-RapidAPI-Host": "y", "X-Judge0-Region": "z"}
    assert judge0.stranger.get("/languages", headers=ignored).status_code == 200


def test_authentication_and_authorization(judge0: Door) -> None:
    answers = {
        (name, path): judge0.__dict__[name].post(path)
        for name in ("owner", "operator", "stranger")
        for path in ("/authenticate", "/authorize/")
    }
    assert {key: answer.status_code for key, answer in answers.items()} == {
        ("owner", "/authenticate"): 200,
        ("owner", "/authorize/"): 403,
        ("operator", "/authenticate"): 200,
        ("operator", "/authorize/"): 200,
        ("stranger", "/authenticate"): 401,
        ("stranger", "/authorize/"): 401,
    }
    assert all(answer.content == b"" for answer in answers.values())


def test_another_keys_submission_does_not_exist(judge0: Door) -> None:
    token = judge0.owner.run()["token"]
    assert judge0.other.get(f"/submissions/{token}").status_code == 404
    assert judge0.other.get("/submissions/batch", params={"tokens": token}).json() == {"submissions": [None]}
    assert judge0.operator.get(f"/submissions/{token}").status_code == 200


def test_the_list_is_for_the_operator(judge0: Door) -> None:
    tokens = [judge0.owner.create()["token"] for _ in range(3)]
    assert judge0.owner.get("/submissions").status_code == 403
    answer = judge0.operator.get("/submissions", params={"per_page": 2, "fields": "token"}).json()
    assert [one["token"] for one in answer["submissions"]] == tokens[:0:-1]
    meta = answer["meta"]
    assert (meta["current_page"], meta["next_page"], meta["prev_page"]) == (1, 2, None)
    assert meta["total_pages"] == -(-meta["total_count"] // 2)
    second = judge0.operator.get("/submissions", params={"per_page": 2, "page": 2, "fields": "token"}).json()
    assert second["submissions"][0]["token"] == tokens[0]
    for query, error in (({"page": -4}, "invalid page: -4"), ({"per_page": -2}, "invalid per_page: -2")):
        answer = judge0.operator.get("/submissions", params=query)
        assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_deletion(judge0: Door) -> None:
    running = judge0.owner.create("import time; time.sleep(3)")["token"]
    assert judge0.owner.delete(f"/submissions/{running}").status_code == 403
    answer = judge0.operator.delete(f"/submissions/{running}")
    assert answer.status_code == 400
    assert re.fullmatch(
        r"submission cannot be deleted because its status is (1 \(In Queue\)|2 \(Processing\))", answer.json()["error"]
    )
    ended(judge0.owner, running)
    deleted = judge0.operator.delete(f"/submissions/{running}", params={"fields": "token,source_code"}).json()
    assert deleted == {"token": running, "source_code": "aW1wb3J0IHRpbWU7IHRpbWUuc2xlZXAoMyk=\n"}
    assert judge0.owner.get(f"/submissions/{running}").status_code == 404


# Information and manners


def test_languages_and_statuses(owner: Client) -> None:
    listed = owner.get("/languages").json()
    assert all(set(one) == {"id", "name"} for one in listed)
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
    numbers = {one["id"] for one in listed}
    assert numbers >= {PYTHON, 92, 100, 109, 113, C, 48, 49, 103, 52, 53, 54, 105, BASH, PLAIN_TEXT, MULTI_FILE}
    every = owner.get("/languages/all").json()
    assert {one["id"] for one in every if one["is_archived"]} == {*range(1, 43)}
    assert numbers == {one["id"] for one in every if not one["is_archived"]}
    python = owner.get(f"/languages/{PYTHON}").json()
    assert set(python) == {"id", "name", "is_archived", "source_file", "compile_cmd", "run_cmd"}
    assert (python["source_file"], python["compile_cmd"], python["is_archived"]) == ("script.py", None, False)
    assert "gcc" in owner.get(f"/languages/{C}").json()["compile_cmd"]
    assert owner.get("/languages/34").json()["is_archived"] is True
    for name in ("150000", "x"):
        assert owner.get(f"/languages/{name}").status_code == 404
    statuses = owner.get("/statuses").json()
    assert [one["id"] for one in statuses] == [*range(1, 15)]
    assert statuses[6] == {"id": 7, "description": "Runtime Error (SIGSEGV)"}


def test_what_the_server_says_of_itself(owner: Client) -> None:
    about = owner.get("/about").json()
    assert set(about) == {"version", "homepage", "source_code", "maintainer"}
    assert about["version"] == "1.13.1"
    for path in ("/version", "/isolate", "/license"):
        answer = owner.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
    config = owner.get("/config_info").json()
    assert config["max_cpu_time_limit"] == 15.0
    assert config["enable_submission_delete"] is True
    assert "maintenance_message" not in config
    [workers] = owner.get("/workers").json()
    assert set(workers) == {"queue", "size", "available", "idle", "working", "paused", "failed"}
    system = owner.get("/system_info").json()
    assert {"Mem", "Swap"} <= set(system)
    assert all(isinstance(value, str) for value in system.values())


def test_the_statistics(judge0: Door) -> None:
    judge0.other.run("raise SystemExit(1)")
    first = judge0.other.get("/statistics", params={"invalidate_cache": "true"}).json()
    assert set(first) == {"created_at", "cached_until", "submissions", "languages", "statuses", "database"}
    assert {"status": {"id": 11, "name": "Runtime Error (NZEC)"}, "count": 1} in first["statuses"]
    assert len(first["submissions"]["last_30_days"]) == 30
    judge0.other.run("raise SystemExit(1)")
    assert judge0.other.get("/statistics").json() == first
    again = judge0.other.get("/statistics", params={"invalidate_cache": "true"}).json()
    assert again["submissions"]["today"] == first["submissions"]["today"] + 1
    assert again["database"]["size_in_bytes"] > 0


def test_what_is_not_found(owner: Client) -> None:
    paths = (f"/submissions/{UNUSED_TOKEN}", "/submissions/123", "/submissions/x", "/languages/x/y", "/about/x")
    for path in paths:
        assert (owner.get(path).status_code, owner.get(path).content) == (404, b"")
        answer = owner.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "error": "Not Found"})
    assert owner.put("/submissions").status_code == 404
    assert owner.post("/about").status_code == 404


def test_pages_of_other_sites_may_call(judge0: Door) -> None:
    origin = {"Origin": "https://ide.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-auth-token,content-type"}
    preflight = judge0.stranger.options("/submissions", headers={**origin, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "x-auth-token" in preflight.headers["access-control-allow-headers"].lower()
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert judge0.owner.get("/languages", headers=origin).headers["access-control-allow-origin"] == "*"
    assert judge0.stranger.get("/languages", headers=origin).headers["access-control-allow-origin"] == "*"


def test_our_own_paths_are_as_before(judge0: Door) -> None:
    assert judge0.stranger.get("/healthz").status_code == 200
    assert judge0.stranger.get("/").status_code == 200
    page = judge0.stranger.get("/submissions/1", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
