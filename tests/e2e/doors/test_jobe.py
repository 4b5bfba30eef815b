"""The Jobe front door with a real engine: Jobe's own test cases, and what CodeRunner's question types send."""

import base64
import hashlib
import http.client
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.fixtures.gate import leave_out
from tests.fixtures.up import Up
from tests.waiting import PATIENCE, eventually_sync

pytestmark = pytest.mark.slow

#: As Jobe's test program and CodeRunner send them. There is no key, so it is not looked at.
_HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "text/plain",
    "X-API-KEY": "2AAA7A5415B4A9B394B54BF1D2E9D",
    "X-CodeRunner-Job-Id": "0123abcd",
}
COMPILE, RUNTIME, TIME, FINE, MEMORY = 11, 12, 13, 15, 17


class Jobe:
    """A client of the door."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.languages = dict(http.get("languages").json())

    def post(self, language: str, source: str, parameters: Any = None, **fields: Any) -> httpx.Response:
        spec = {"language_id": language, "sourcecode": source, "parameters": parameters or {}, **fields}
        return self.http.post("runs/", json={"run_spec": spec})

    def run(self, language: str, source: str, parameters: Any = None, **fields: Any) -> dict[str, Any]:
        """Return the answer to a run."""
        if language.lower() not in self.languages:
            leave_out(f"no {language}")
        answer = self.post(language, source, parameters, **fields)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        assert list(content) == ["run_id", "outcome", "cmpinfo", "stdout", "stderr"]
        assert all(isinstance(content[name], str) for name in ("cmpinfo", "stdout", "stderr"))
        return content

    def put(self, content: bytes) -> str:
        """Store a file as CodeRunner does, and return its id."""
        id_ = hashlib.md5(content, usedforsecurity=False).hexdigest()
        answer = self.http.put(f"files/{id_}", json={"file_contents": base64.b64encode(content).decode()})
        assert (answer.status_code, answer.content) == (204, b"")
        return id_


@pytest.fixture(scope="module")
def jobe(open_system: Up) -> Iterator[Jobe]:
    base = f"{open_system.url}/jobe/index.php/restapi/"
    with httpx.Client(base_url=base, headers=_HEADERS, timeout=90 * PATIENCE) as http:
        yield Jobe(http)


_HELLO_C: Final = '#include <stdio.h>\nint main() { printf("Hello world\\n"); return 0; }\n'
_HELLO_JAVA: Final = """
public class HelloWorld {
    public static void main(String[] args) { System.out.println("Hello world"); }
}
"""


@pytest.mark.parametrize(
    ("language", "source", "parameters", "fields", "outcome", "stdout"),
    [
        ("python3", 'print("Hello world!")', {}, {"sourcefilename": "test.py"}, FINE, "Hello world!\n"),
        ("python3", "print('Un été à la campagne ❤')", {}, {}, FINE, "Un été à la campagne ❤\n"),
        ("python3", "print(open('/etc/passwd').read()[:0])\nexit(3)", {}, {}, FINE, "\n"),
        ("python3", "print('a')\nraise ValueError", {}, {}, RUNTIME, "a\n"),
        ("python3", "import sys\nprint('a')\nprint('b', file=sys.stderr)", {}, {}, RUNTIME, "a\n"),
        ("python3", "while True: pass", {"cputime": 1}, {}, TIME, ""),
        ("python3", "print('x', flush=True)\nimport time\ntime.sleep(20)", {"cputime": 1}, {}, TIME, "x\n"),
        ("python3", "", {}, {}, FINE, ""),
        ("python3", "x = 1 is 1", {}, {}, COMPILE, ""),
        ("python3", "print('Hi' if True else)", {}, {}, COMPILE, ""),
        ("python3", "if True:\nprint('Hi')", {}, {}, COMPILE, ""),
        ("python3", "try: 'a' * (3 * 10**9)\nexcept MemoryError: print('full')", {}, {}, FINE, "full\n"),
        ("python3", "'a' * (3 * 10**9)", {}, {}, RUNTIME, ""),
        ("python3", "print(__file__)", {}, {"sourcefilename": "prog.java"}, FINE, "/box/work/prog.py\n"),
        ("C", _HELLO_C, {}, {"sourcefilename": "__tester__.c"}, FINE, "Hello world\n"),
        ("c", _HELLO_C, {}, {"sourcefilename": "prog"}, FINE, "Hello world\n"),
        ("c", _HELLO_C.replace(";", ""), {}, {}, COMPILE, ""),
        ("c", "int main() { int unused; return 0; }", {}, {}, COMPILE, ""),
        ("c", "int main() { int unused; return 0; }", {"compileargs": []}, {}, FINE, ""),
        ("c", "int main() { return 9; }", {}, {}, FINE, ""),
        ("c", "int main() { int *p = 0; return *p; }", {}, {}, RUNTIME, ""),
        ("c", "#include <stdlib.h>\nint main() { abort(); }", {}, {}, RUNTIME, ""),
        ("c", "int main() { for (;;); }", {"cputime": 1}, {}, TIME, ""),
        ("c", '#include <stdio.h>\nint main() { for (;;) puts("x"); }', {"streamsize": 0.01}, {}, TIME, "x\n" * 5120),
        ("cpp", '#include <iostream>\nint main() { std::cout << "Hello world\\n"; }', {}, {}, FINE, "Hello world\n"),
        ("java", _HELLO_JAVA, {"cputime": 10}, {"sourcefilename": "prog.java"}, FINE, "Hello world\n"),
        ("Java", _HELLO_JAVA, {}, {"sourcefilename": "HelloWorld.java"}, FINE, "Hello world\n"),
        ("java", _HELLO_JAVA.replace("Hello world", "❤"), {}, {}, FINE, "❤\n"),
        ("java", _HELLO_JAVA.replace(";", ""), {}, {}, COMPILE, ""),
        (
            "java",
            _HELLO_JAVA.replace("public class", "class"),
            {},
            {"sourcefilename": "NO_PUBLIC_CLASS_FOUND.java"},
            RUNTIME,
            "",
        ),
        ("java", _HELLO_JAVA.replace("public class", "class"), {"main_class": "HelloWorld"}, {}, FINE, "Hello world\n"),
        ("nodejs", "console.log('Hello world!')", {}, {"sourcefilename": "__tester__.js"}, FINE, "Hello world!\n"),
        ("nodejs", "console.log(", {}, {}, RUNTIME, ""),
        ("bash", "echo $0 $1", {"runargs": ["one"]}, {}, FINE, "main.sh one\n"),
        ("octave", "function sq(n)\n  disp(n * n);\nend\nsq(11)", {}, {"sourcefilename": "prog"}, FINE, "121\n"),
        ("pascal", "program hello;\nbegin\n  writeln('Hello world!');\nend.", {}, {}, FINE, "Hello world!\n"),
        ("pascal", "program hello;\nbegin\n  writeln('Hello world!'", {}, {}, COMPILE, ""),
        ("php", "<html>\n<?php echo 'Hello world!'; ?>\n", {}, {}, FINE, "<html>\nHello world!"),
        ("php", "<?php echo (", {}, {}, COMPILE, ""),
    ],
)
def test_programs(
    jobe: Jobe, language: str, source: str, parameters: Any, fields: Any, outcome: int, stdout: str
) -> None:
    answer = jobe.run(language, source, parameters, **fields)
    assert (answer["outcome"], answer["stdout"]) == (outcome, stdout), answer
    # Each part of the answer says why.
    assert bool(answer["cmpinfo"]) is (outcome == COMPILE)
    assert bool(answer["stderr"]) is (outcome == RUNTIME)


def test_input_comes_byte_for_byte(jobe: Jobe) -> None:
    source = "import sys\nprint(sys.stdin.buffer.read())"
    for text in ("", "a", "a\r\n\0é\n"):
        assert jobe.run("python3", source, input=text)["stdout"] == f"{text.encode()!r}\n"


def test_files_of_a_run(jobe: Jobe) -> None:
    content = b"The first file\nLine 2"
    source = "print(open('file1.txt').read())\nopen('file1.txt', 'w').write('changed')"
    files = [[jobe.put(content), "file1.txt", True]]
    for _ in range(2):  # what a program does to a file changes nothing for others
        answer = jobe.run("python3", source, file_list=files)
        assert (answer["outcome"], answer["stdout"]) == (FINE, f"{content.decode()}\n")


def test_headers_classes_and_sources_beside_the_source(jobe: Jobe) -> None:
    header, other = jobe.put(b"#define SIZE 17\n"), jobe.put(b"int other(void) { return 4; }\n")
    source = '#include <stdio.h>\n#include "size.h"\nint other(void);\nint main() { printf("%d", SIZE + other()); }'
    files = [[header, "size.h"], [other, "other.c"], [other, "broken.c"]]
    assert jobe.run("c", source, {"linkargs": ["other.c"]}, file_list=files)["stdout"] == "21"
    assert jobe.run("c", source, file_list=files)["outcome"] == COMPILE
    thing = jobe.put(b'public class Thing { public String toString() { return "thing"; } }')
    main = _HELLO_JAVA.replace('"Hello world"', "new Thing()")
    assert jobe.run("java", main, file_list=[[thing, "Thing.java"]])["stdout"] == "thing\n"


def test_a_multi_language_question(jobe: Jobe) -> None:
    """CodeRunner's type is a Python program that calls compilers and interpreters."""
    source = f"""
import os, subprocess
for name, text, commands in [
    ("prog.c", {_HELLO_C!r}, ["gcc -std=c99 -Wall -Werror prog.c -o prog", "./prog"]),
    ("prog.cpp", {_HELLO_C!r}, ["g++ -Wall -Werror prog.cpp -o prog", "./prog"]),
    ("prog.pl", 'print "Hello world\\\\n";', ["perl -w prog.pl"]),
]:
    open(name, "w").write(text)
    for command in commands:
        print(subprocess.check_output(command, shell=True, text=True, stderr=subprocess.STDOUT), end="")
assert os.access(os.environ["HOME"], os.W_OK)
"""
    answer = jobe.run("python3", source, {"cputime": 20, "memorylimit": 0, "numprocs": 100})
    assert (answer["outcome"], answer["stdout"]) == (FINE, "Hello world\n" * 3), answer


def test_an_sql_question(jobe: Jobe, tmp_path: Path) -> None:
    """CodeRunner's type copies the database of the question, and runs sqlite3 on it."""
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ages (name text, age int)")
        database.execute("INSERT INTO ages VALUES ('Ada', 36)")
    database.close()
    source = """
import shutil, subprocess
shutil.copyfile("data.db", "copy.db")
open("prog.sql", "w").write(".mode column\\nSELECT age FROM ages;\\n")
print(subprocess.check_output("sqlite3 copy.db < prog.sql", shell=True, text=True).split())
"""
    answer = jobe.run("python3", source, file_list=[[jobe.put(path.read_bytes()), "data.db"]])
    assert (answer["outcome"], answer["stdout"]) == (FINE, "['age', '---', '36']\n"), answer


def test_a_client_that_hangs_up_ends_its_run(open_system: Up, jobe: Jobe) -> None:
    def is_running() -> bool:
        return any("sleep 33.25" in process.command for process in open_system.processes())

    spec = {"language_id": "bash", "sourcecode": "sleep 33.25", "parameters": {"cputime": 30}}
    body = json.dumps({"run_spec": spec}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", open_system.port)
    connection.request("POST", "/jobe/index.php/restapi/runs", body)
    eventually_sync(is_running, 20, what="the program runs")
    connection.close()
    eventually_sync(lambda: not is_running(), 20, what="the program is ended")


def test_many_runs_at_once_are_no_overload(jobe: Jobe) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda number: jobe.run("python3", f"print({number})"), range(128)))
    assert [(answer["outcome"], answer["stdout"]) for answer in answers] == [(FINE, f"{n}\n") for n in range(128)]
