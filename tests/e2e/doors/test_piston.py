"""The Piston v2 front door, row by row of its contract: requests, errors, and how programs end."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.fixtures.up import Up
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

_STAGE: Final = {
    "stdout", "stderr", "output", "code", "signal", "message", "status", "cpu_time", "wall_time", "memory",
}  # fmt: skip
_FINE: Final = (0, None, None, None)


class Piston:
    """A client of the door. Requests that need a body send JSON."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def execute(self, language: str, *sources: Any, **fields: Any) -> dict[str, Any]:
        """Return the answer to a job of these sources, which are texts or files."""
        files = [{"content": source} if isinstance(source, str) else source for source in sources]
        answer = self.http.post("execute", json={"language": language, "version": "*", "files": files, **fields})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        assert set(content) <= {"language", "version", "run", "compile"}
        for stage in ("run", "compile"):
            assert set(content.get(stage, _STAGE)) == _STAGE
        return content

    def run(self, language: str, *sources: Any, **fields: Any) -> dict[str, Any]:
        """Return the stage `run` of the answer."""
        run: dict[str, Any] = self.execute(language, *sources, **fields)["run"]
        return run


@pytest.fixture(scope="module")
def piston(open_system: Up) -> Iterator[Piston]:
    with httpx.Client(base_url=f"{open_system.url}/api/v2/", timeout=90 * PATIENCE) as http:
        yield Piston(http)


def end_of(stage: dict[str, Any]) -> tuple[Any, ...]:
    """Return how a stage ended."""
    return stage["code"], stage["signal"], stage["status"], stage["message"]


# Paths.


@pytest.mark.parametrize("prefix", ["/api/v2/", "/api/v2/piston/"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_prefixes_and_both_spellings(open_system: Up, prefix: str, slash: str) -> None:
    listed = httpx.get(f"{open_system.url}{prefix}runtimes{slash}")
    assert (listed.status_code, listed.headers["content-type"]) == (200, "application/json")
    body = {"language": "bash", "version": "*", "files": [{"content": "echo 1"}]}
    ran = httpx.post(f"{open_system.url}{prefix}execute{slash}", json=body, timeout=60)
    assert (ran.status_code, ran.json()["run"]["stdout"]) == (200, "1\n")
    assert httpx.head(f"{open_system.url}{prefix}runtimes{slash}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "execute"),
        ("POST", "runtimes"),
        ("PUT", "packages"),
        ("GET", "nothing"),
        ("GET", ""),
        ("PATCH", "execute"),
        ("GET", "runtimes/python"),
    ],
)
def test_all_other_paths_and_methods_are_not_found(piston: Piston, method: str, path: str) -> None:
    answer = piston.http.request(method, path, json=None if method == "GET" else {})
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


# Bodies.


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", ["execute", "nothing"])
def test_a_body_that_is_not_json_is_refused_first(piston: Piston, kind: str | None, path: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = piston.http.post(path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()) == (415, {"message": "requests must be of type application/json"})


def test_json_may_name_its_charset(piston: Piston) -> None:
    body = json.dumps({"language": "bash", "version": "*", "files": [{"content": "echo é"}]}, ensure_ascii=False)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = piston.http.post("execute", content=body.encode(), headers=headers)
    assert answer.json()["run"]["stdout"] == "é\n"


@pytest.mark.parametrize("content", [b"{", b"5", b'"text"', b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(piston: Piston, content: bytes) -> None:
    answer = piston.http.post("execute", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["message"]


def test_an_empty_body_counts_as_an_empty_object(piston: Piston) -> None:
    answer = piston.http.post("execute", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"message": "language is required as a string"})


def test_bodies_may_be_longer_than_those_of_piston(piston: Piston) -> None:
    run = piston.run("python", f"print(len({'x' * 300_000!r}))")
    assert run["stdout"] == "300000\n"
    content = json.dumps({"language": "bash", "version": "*", "files": [{"content": "x" * 4_000_000}]})
    answer = piston.http.post("execute", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413)
    assert list(answer.json()) == ["message"]


# Runtimes and packages.


def test_what_is_installed_is_a_package(piston: Piston) -> None:
    packages = piston.http.get("packages", params={"x": "1"}).json()
    assert all(package["installed"] is True for package in packages)
    assert {"python", "gcc", "bash"} <= {package["language"] for package in packages}
    python = next(package for package in packages if package["language"] == "python")
    for method, status in (("POST", 500), ("DELETE", 403)):
        body = {"language": "python", "version": python["language_version"]}
        answer = piston.http.request(method, "packages", json=body)
        assert answer.status_code == status
        assert list(answer.json()) == ["message"]
        missing = piston.http.request(method, "packages", json={"language": "klingon", "version": "1.2.3"})
        message = "Requested package klingon-1.2.3 does not exist"
        assert (missing.status_code, missing.json()) == (404, {"message": message})
    assert piston.http.post("packages", json=body).json() == {"message": "Already installed"}


def test_unknown_fields_of_a_job_are_ignored(piston: Piston) -> None:
    assert piston.run("python", {"content": "print(1)", "other": 1}, other={"a": 1})["stdout"] == "1\n"


# How programs end.


def test_a_program_that_ends_well(piston: Piston) -> None:
    answer = piston.execute("py3", "import sys; print('out'); print('err', file=sys.stderr)")
    run = answer["run"]
    assert answer["language"] == "python"
    assert "compile" not in answer
    assert (end_of(run), run["stdout"], run["stderr"]) == (_FINE, "out\n", "err\n")
    assert all(run[name] > 0 for name in ("cpu_time", "wall_time", "memory"))


def test_bytes_that_are_not_utf8_are_replaced(piston: Piston) -> None:
    run = piston.run("bash", r"printf 'a\xffb'; sleep 0.1; printf 'c\xfe' >&2; sleep 0.1; printf '\x00d'")
    assert (run["stdout"][:3], run["stderr"], run["output"][:5]) == ("a�b", "c�", "a�bc�")


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("exit 3", (3, None, "RE", "Exited with error status 3")),
        ("kill -SEGV $$", (None, "SIGSEGV", "SG", "Caught fatal signal 11")),
        ("kill -36 $$", (None, "SIGRTMIN+2", "SG", "Caught fatal signal 36")),
        ("kill -63 $$", (None, "SIGRTMAX-1", "SG", "Caught fatal signal 63")),
        ("kill -PIPE $$", (None, "SIGPIPE", "SG", "Caught fatal signal 13")),
        ("head -c 70000 /dev/zero", (None, "SIGKILL", "OL", "stdout length exceeded")),
        ("head -c 70000 /dev/zero >&2", (None, "SIGKILL", "EL", "stderr length exceeded")),
    ],
)
def test_every_end_has_its_words(piston: Piston, program: str, end: tuple[Any, ...]) -> None:
    assert end_of(piston.run("bash", program)) == end


def test_time_limits_have_their_own_words(piston: Piston) -> None:
    killed = (None, "SIGKILL", "TO")
    wall = piston.run("bash", "echo before; sleep 9", run_timeout=500)
    assert (end_of(wall), wall["stdout"]) == ((*killed, "Time limit exceeded (wall clock)"), "before\n")
    cpu = piston.run("bash", "while :; do :; done", run_cpu_time=300)
    assert end_of(cpu) == (*killed, "Time limit exceeded")
    assert cpu["cpu_time"] >= 300


# What programs get.


def test_stdin_ends_in_a_newline(piston: Piston) -> None:
    program = "import sys; print(ascii(sys.stdin.read()))"
    for stdin, arrives in (("", "\n"), (None, "\n"), ("a", "a\n"), ("a\n", "a\n"), ("é\n\n", "\xe9\n\n")):
        assert piston.run("python", program, stdin=stdin)["stdout"] == f"{arrives!a}\n"


def test_arguments_arrive_as_they_are(piston: Piston) -> None:
    program = "import sys; print(sys.argv)"
    words = ["a b", "'", '"', "", "$HOME", "-x", "é"]
    assert piston.run("python", program, args=words)["stdout"] == f"{['file0.code', *words]}\n"
    assert piston.run("python", program, args=[1, "b"])["stdout"] == "['file0.code', '1', 'b']\n"
    assert piston.run("python", program, args="ab")["stdout"] == "['file0.code', 'a', 'b']\n"
    named = piston.run("python", {"name": "a/b.py", "content": program}, args=None)
    assert named["stdout"] == "['a/b.py']\n"


def test_files_are_where_their_names_say(piston: Piston) -> None:
    program = """
import os
print(open('data/x').read(), open('bytes', 'rb').read(), open('hex', 'rb').read(), open('odd').read(), os.getcwd())
print(sorted(os.listdir()))
open('new', 'w').write('written'); print(open('new').read())
"""
    run = piston.run(
        "python",
        {"content": "aGk=", "encoding": "base64", "name": "bytes"},
        {"content": program, "name": ""},
        {"content": "found", "name": "/data//./x"},
        {"content": "fffg00", "encoding": "hex", "name": "hex"},
        {"content": "text", "encoding": "utf-8", "name": "odd"},
    )
    first, listed, written = run["stdout"].splitlines()
    assert first.startswith(r"found b'hi' b'\xff' text /")
    assert listed == "['bytes', 'data', 'file1.code', 'hex', 'odd']"
    assert written == "written"


def test_the_environment_is_that_of_piston(piston: Piston) -> None:
    assert piston.run("bash", "echo $HOME $PISTON_LANGUAGE; ulimit -u")["stdout"].startswith("/tmp bash\n")
    assert piston.run("javascript", "console.log(process.env.PISTON_LANGUAGE)")["stdout"] == "javascript\n"


# Languages.

_C: Final = '#include <stdio.h>\nint main(void) { printf("%ld\\n", __STDC_VERSION__); }'
_JAVA: Final = "public class {} {{ public static void main(String[] args) {{ System.out.println(args.length); }} }}"


def test_c_and_cpp_have_a_compile_step(piston: Piston) -> None:
    answer = piston.execute("c", _C)
    assert (answer["run"]["stdout"], end_of(answer["compile"])) == ("201112\n", _FINE)
    cpp = "#include <iostream>\nint main() { std::cout << __cplusplus << std::endl; }"
    answer = piston.execute("c++", cpp)
    assert (answer["run"]["stdout"], end_of(answer["compile"])) == ("201703\n", _FINE)


def test_all_sources_are_linked(piston: Piston) -> None:
    main = '#include <stdio.h>\n#include "sum.h"\nint main(void) { printf("%d\\n", sum(2, 3)); }'
    header = {"name": "sum.h", "content": "int sum(int, int);"}
    helper = {"name": "lib/sum", "content": "int sum(int a, int b) { return a + b; }"}
    data = {"name": "data.c", "content": "bm8gQw==", "encoding": "base64"}
    assert piston.run("c", {"name": "main.c", "content": main}, header, helper, data)["stdout"] == "5\n"
    assert piston.run("gcc", main, helper, {**header, "encoding": "hex", "content": b"int sum(int, int);".hex()})[
        "stdout"
    ] == "5\n"  # fmt: skip


def test_a_failed_compilation_is_reported_twice(piston: Piston) -> None:
    answer = piston.execute("c", "int main(void) { return x; }")
    assert answer["run"] == answer["compile"]
    assert end_of(answer["run"]) == (1, None, "RE", "Exited with error status 1")
    assert "error: " in answer["run"]["stderr"]
    assert answer["run"]["stdout"] == ""


def test_a_java_class_may_have_any_name(piston: Piston) -> None:
    for source in ({"content": _JAVA.format("Any")}, {"name": "Main.java", "content": _JAVA.format("Other")}):
        answer = piston.execute("java", source, args=["1", "2"])
        assert (answer["run"]["stdout"], "compile" in answer) == ("2\n", False)
    wrong = piston.execute("java", "public class Wrong { int x = ; }")
    assert (wrong["run"]["code"], "compile" in wrong) == (1, False)
    assert "error: " in wrong["run"]["stderr"]
