"""The CodeX protocol between an outside client and a real executor."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from executor.languages import known
from executor.settings import ExecutorSettings
from tests.fixtures.executor import RunningExecutor
from tests.waiting import PATIENCE

_INSTALLED = {code: language for code, language in known().items() if language.toolchain()}


#: The warning of Debian 13's libxml to every COBOL program, in the sandbox and outside of it.
_NOTICE = "Warning: program compiled against libxml 212 using older 209\n"


@pytest.fixture
async def client(executor: RunningExecutor) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=executor.url, timeout=120 * PATIENCE) as client:
        yield client


async def _run(client: httpx.AsyncClient, language: str, code: str, **fields: Any) -> dict[str, Any]:
    response = await client.post("/", json={"language": language, "code": code, **fields})
    answer: dict[str, Any] = response.json()
    assert answer["status"] == response.status_code
    return answer


@pytest.mark.parametrize("language", _INSTALLED.values(), ids=_INSTALLED)
async def test_every_installed_language_runs_its_reference(client: httpx.AsyncClient, language: Any) -> None:
    """A compiled one twice: then its program is in the cache."""
    for _ in range(2 if language.compile else 1):
        answer = await _run(client, language.code, language.reference.source, input=language.reference.input)
        assert (answer["verdict"], answer["output"]) == ("ok", language.reference.output)
        assert answer["error"].removeprefix(_NOTICE) == ""


async def test_answer_has_the_classic_fields_and_ours(client: httpx.AsyncClient) -> None:
    answer = await _run(client, "py", "print(input('Enter your value: '))", input="12")
    assert answer["output"] == "Enter your value: 12\n"
    assert answer["info"].startswith("Python 3")
    assert answer["language"] == "py"
    assert answer["timeStamp"] > 1_700_000_000_000
    assert (answer["verdict"], answer["exit_code"], answer["truncated"]) == ("ok", 0, False)
    assert 0 < answer["time_s"] < 5 * PATIENCE
    assert answer["wall_s"] > 0
    assert answer["memory_bytes"] > 500_000


async def test_list_names_what_is_installed(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/list")).json()
    assert answer["status"] == 200
    assert {row["language"] for row in answer["supportedLanguages"]} == set(_INSTALLED)
    python = next(row for row in answer["supportedLanguages"] if row["language"] == "py")
    assert python["name"] == "Python"
    assert python["version"].startswith("3.")
    assert "python3" in python["aliases"]


@pytest.mark.parametrize("field", ["input", "inputs"])
async def test_form_fields_work_like_json(client: httpx.AsyncClient, field: str) -> None:
    fields = {"language": "python", "code": "print(input()[::-1])", field: "سلام 🎉"}
    for sent in ({"data": fields}, {"files": {name: (None, value) for name, value in fields.items()}}):
        response = await client.post("/", **sent)
        assert response.json()["output"] == "🎉 مالس\n"


async def test_a_program_reads_the_end_of_an_empty_input(client: httpx.AsyncClient) -> None:
    assert (await _run(client, "py", "import sys; print(repr(sys.stdin.read()))"))["output"] == "''\n"
    assert (await _run(client, "py", "input()"))["error"].endswith("EOFError: EOF when reading a line\n")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"code": "", "language": "py"}, 400),
        ({"code": "  \n", "language": "py"}, 400),
        ({"language": "py"}, 400),
        ({"code": "print(1)", "language": "brainf"}, 400),
        ({"code": "print(1)"}, 400),
        ({"code": 7, "language": "py"}, 422),
        ({"code": "print(1)", "language": "py", "time_limit": "soon"}, 422),
        ({"code": "print(1)", "language": "py", "time_limit": -1}, 422),
        ({"code": "print(1)", "language": "py", "time_limit": float("nan")}, 422),
        ({"code": "print(1)", "language": "py", "memory_limit": 1.5}, 422),
        ({"code": "x" * (1 << 20) + "y", "language": "py"}, 413),
        ({"code": "print(1)", "language": "py", "input": "x" * (1 << 20) + "y"}, 413),
    ],
)
async def test_bad_requests_say_what_is_wrong(client: httpx.AsyncClient, fields: dict[str, Any], status: int) -> None:
    response = await client.post("/", content=json.dumps(fields), headers={"Content-Type": "application/json"})
    assert response.status_code == response.json()["status"] == status
    assert response.json()["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b""])
async def test_a_body_that_is_no_json_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
async def test_a_malformed_form_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    for body in (b"", b"--y\r\nrubbish", b"\xff" * 100, b"&" * 1000, b"a=1&" * 1000):
        response = await client.post("/", content=body, headers={"Content-Type": kind})
        assert response.status_code == response.json()["status"] == 400
        assert response.json()["error"]


async def test_a_large_body_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b" " * (ExecutorSettings().max_body_bytes + 1))).status_code == 413


async def test_text_is_returned_unchanged(client: httpx.AsyncClient) -> None:
    text = "\x00\x01\x1b[31m\u2028 é 漢字 🎉 \ud83d \ufffe\n"
    response = await client.post(
        "/",
        content=json.dumps({"language": "py", "code": "import sys; sys.stdout.write(sys.stdin.read())", "input": text}),
        headers={"Content-Type": "application/json"},
    )
    assert response.json()["output"] == text.replace("\ud83d", "\ufffd")
    broken = await _run(client, "py", r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb')")
    assert broken["output"] == "a\ufffd\ufffdb"


async def test_a_failing_program_is_an_ordinary_answer(client: httpx.AsyncClient) -> None:
    crash = await _run(client, "py", "print('before')\nraise ValueError('x')")
    assert (crash["status"], crash["verdict"], crash["output"], crash["exit_code"]) == (
        200,
        "runtime_error",
        "before\n",
        1,
    )
    assert crash["error"].startswith("Traceback")
    fault = await _run(client, "c", "int main() { volatile int *p = 0; return *p; }")
    assert (fault["verdict"], fault["signal"]) == ("runtime_error", 11)
    assert "11" in fault["error"]
    code = await _run(client, "c", "int main() { return 139; }")
    assert (code["verdict"], code["exit_code"], code.get("signal")) == ("runtime_error", 139, None)
    typo = await _run(client, "c", "int main( {")
    assert (typo["status"], typo["verdict"]) == (200, "compile_error")
    assert "error:" in typo["error"]


async def test_compiler_warnings_do_not_stop_a_run(client: httpx.AsyncClient) -> None:
    answer = await _run(client, "c", '#warning "careful"\n#include <stdio.h>\nint main() { puts("ran"); }')
    assert (answer["verdict"], answer["output"], answer["error"]) == ("ok", "ran\n", "")


async def test_time_limits_have_their_verdict(client: httpx.AsyncClient) -> None:
    loop = await _run(client, "py", "while True: pass", time_limit=0.3)
    assert (loop["status"], loop["verdict"]) == (408, "time_limit")
    assert loop["error"]
    assert 0.3 <= loop["time_s"] < 1 * PATIENCE
    sleeper = "print('hi', flush=True)\nimport time; time.sleep(3600)"
    sleep = await _run(client, "py", sleeper, wall_limit=0.5 * PATIENCE)
    assert (sleep["status"], sleep["verdict"], sleep["output"]) == (408, "time_limit", "hi\n")
    assert sleep["time_s"] < 0.4 * PATIENCE


async def test_memory_and_output_limits_have_their_verdicts(client: httpx.AsyncClient) -> None:
    hog = await _run(client, "py", "x = bytearray(300 << 20)", memory_limit=100 << 20)
    assert (hog["status"], hog["verdict"]) == (200, "memory_limit")
    flood = await _run(client, "py", "while True: print('x' * 1000)")
    assert (flood["status"], flood["verdict"], flood["truncated"]) == (200, "output_limit", True)
    assert len(flood["output"]) == 1 << 20


async def test_streams_stay_apart_and_whole(client: httpx.AsyncClient) -> None:
    answer = await _run(client, "py", "import sys\nprint('o' * 300000)\nprint('e' * 300000, file=sys.stderr)")
    assert (answer["verdict"], len(answer["output"]), len(answer["error"])) == ("ok", 300001, 300001)
