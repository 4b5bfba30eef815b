"""`precieux batch FILE.jsonl`: a result for each line, once, whatever ends the command."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.http_thread import Handler, Server
from tests.fixtures.up import Up

LINES: list[tuple[str, str | None, str]] = [
    ('{"id": "good", "source": "print(input())", "stdin": "1", "expected_output": "1"}', "accepted", ""),
    ('{"id": "bad", "files": [{"path": "a.py", "content": "print(2)"}], "expected_output": "1"}', "wrong_answer", ""),
    ('{"source": "print(1)", "tests": [{"name": "t", "stdin": "1", "expected_output": "1"}]}', "accepted", ""),
    ('{"id": "good", "source": "print(1)"}', None, "An earlier line has the same id."),
    (
        '{"id": 5, "source": "print(1)", "mail": 1}',
        None,
        "It has a key that is not known: mail. Those are known: args, ",
    ),
    ('{"id": 6, "source": "print(1)", "problem": "sum"}', None, "`problem` goes with --store only."),
    ('{"id": 7, "source": ""', None, "The line is no JSON: "),
    ('{"id": 8}', None, "Send exactly one of `source` and `files`."),
    ('{"id": 9, "files": [{"path": 1}]}', None, "Its files are no list of objects with `path` and `content`."),
    ('{"id": 10, "source": "while True: pass", "limits": {"memory_bytes": 67108864}}', "time_limit", ""),
]


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-P", "-m", "precieux", "batch", *map(str, arguments), "--language", "py"]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def results(output: Path) -> dict[int, dict[str, Any]]:
    read = [json.loads(text) for text in output.read_text().splitlines()]
    assert len({result["line"] for result in read}) == len(read), "a line has two results"
    return {result["line"]: result for result in read}


@pytest.mark.parametrize("stored", [False, True])
def test_each_line_gets_one_result(running: Up, tmp_path: Path, stored: bool) -> None:
    (tmp_path / "in.jsonl").write_text("\n".join(text for text, *_ in LINES))
    options = ("--output", tmp_path / "out.jsonl", "--full", "--url", running.url)
    done = start(tmp_path / "in.jsonl", *options, *(["--store"] if stored else []))
    err = done.communicate(timeout=100)[1]
    assert done.returncode == 1, err
    found = results(tmp_path / "out.jsonl")
    for line, (_, verdict, error) in enumerate(LINES, 1):
        if not (stored and line == 6):
            assert found[line]["verdict"] == verdict, found[line]
            assert error in (found[line]["error"] or "")
    assert found[3]["id"] == 3
    assert found[3]["tests"] == [{"name": "t", "verdict": "accepted", "points_awarded": 1.0}]
    assert ("submission" in found[1]) == stored
    assert found[1]["run"]["verdict"] == "accepted"
    assert 2 <= found[10]["cpu_s"] < 4
    assert " candidates in " in err


def test_a_killed_command_goes_on_where_it_was(running: Up, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps({"id": f"c{number}", "source": f"print({number})"}) for number in range(40)]
    source.write_text("\n".join([*lines[:30], ""]))
    first = start("-", "--output", output, "--jobs", "2", "--url", running.url)
    assert first.stdin
    first.stdin.write("\n".join([*lines[:2], ""]))
    first.stdin.flush()
    while not (output.exists() and output.read_bytes().count(b"\n") >= 2):
        assert first.poll() is None
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with output.open("a") as file:
        file.write('{"id": "c')
    refused = start(source, "--output", output, "--url", running.url)
    assert "exists: name another file, or continue it with --resume." in refused.communicate(timeout=100)[1]
    assert refused.returncode == 2
    second = start(source, "--output", output, "--resume", "--url", running.url)
    err = second.communicate(timeout=100)[1]
    assert second.returncode == 0, err
    assert {result["id"] for result in results(output).values()} == {f"c{number}" for number in range(30)}
    assert "28 candidates in " in err
    source.write_text("\n".join([*lines[:30], '{"id": "c30", "completion": "1"}', ""]))
    for said in ("1 candidates in ", "has 1 lines with an error from before"):
        wrong = start(source, "--output", output, "--resume", "--url", running.url)
        assert said in wrong.communicate(timeout=100)[1]
        assert wrong.returncode == 1
    source.write_text("\n".join(reversed(lines)))
    other = start(source, "--output", output, "--resume", "--url", running.url)
    assert "has results of another file" in other.communicate(timeout=100)[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("in.jsonl", "--roster", "r.csv"), "--roster is for a class, and in.jsonl is a file of candidates."),
        (("class", "--jobs", "3"), "--jobs is for a file of candidates, and class is a class."),
        (("none.jsonl",), "none.jsonl cannot be read: there is no such file."),
    ],
)
def test_options_of_the_other_kind_are_refused(arguments: tuple[str, ...], sentence: str) -> None:
    done = start(*arguments, "--url", "http://127.0.0.1:9")
    assert sentence in done.communicate(timeout=100)[1]
    assert done.returncode == 2


class Front:
    """Stands before the real API: refuses the first calls that run programs, and passes the others on."""

    def __init__(self, url: str, statuses: list[int]) -> None:
        self.url, self.statuses = url, statuses
        self.lock = threading.Lock()
        self.refused_at: dict[str, float] = {}
        self.passed: list[str] = []
        #: Successes and calls under way at the beginning of each call that is passed on.
        self.under_way, self.ended, self.seen = 0, 0, list[tuple[int, int]]()
        self.waited: list[float] = []

    def handler(self) -> type[Handler]:
        front = self

        class Passing(Handler):
            def get(self) -> None:
                self.pass_on("GET", b"")

            def post(self) -> None:
                body = self.read_body() or b""
                call = body.decode()
                with front.lock:
                    if call in front.refused_at:
                        front.waited.append(time.monotonic() - front.refused_at.pop(call))
                    status = front.statuses.pop(0) if front.statuses else None
                    if status is None:
                        front.passed.append(call)
                        front.under_way += 1
                        front.seen.append((front.ended, front.under_way))
                    elif status in (429, 503):
                        front.refused_at[call] = time.monotonic()
                if status is None:
                    self.pass_on("POST", body)
                else:
                    self.answer(status, b"{}", {"Retry-After": "1"} if status in (429, 503) else None)

            def pass_on(self, method: str, body: bytes) -> None:
                names = ("Authorization", "Idempotency-Key", "Content-Type", "Accept")
                headers = {name: self.headers[name] for name in names if name in self.headers}
                got = httpx.request(method, f"{front.url}{self.path}", content=body, headers=headers, timeout=60)
                if method == "POST":
                    with front.lock:
                        front.under_way -= 1
                        front.ended += 1
                self.answer(got.status_code, got.content, {"Content-Type": got.headers["Content-Type"]})

        return Passing


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("run", [429, 503, 429, 503]),
        ("run", [502, 504, 500, 500]),
        ("store", [429, 503, 502]),
        ("folder", [503, 429]),
    ],
)
def test_a_server_that_is_full_is_asked_later_by_fewer(
    running: Up, tmp_path: Path, kind: str, statuses: list[int]
) -> None:
    source, output = tmp_path / ("programs" if kind == "folder" else "in.jsonl"), tmp_path / "out"
    programs = [f"print({number})" for number in range(8)]
    if kind == "folder":
        source.mkdir()
        for number, program in enumerate(programs):
            (source / f"{number}.py").write_text(program)
    else:
        source.write_text("\n".join(json.dumps({"source": program}) for program in programs))
    front = Front(running.url, list(statuses))
    more = {"run": ["--jobs", "4"], "store": ["--store", "--jobs", "4"], "folder": []}[kind]
    with Server(front.handler()) as server:
        done = start(source, "--output", output, "--url", server.url, *more)
        err = done.communicate(timeout=100)[1]
    assert done.returncode == 0, err
    if kind == "folder":
        assert [row["verdict"] for row in csv.DictReader(output.read_text().splitlines())] == ["ok"] * 8
    else:
        assert [result["verdict"] for result in results(output).values()] == ["ok"] * 8
    assert len(front.passed) == len(set(front.passed)) == {"run": 8, "store": 2, "folder": 1}[kind]
    assert len(front.waited) == sum(status in (429, 503) for status in statuses)
    assert min(front.waited, default=1) >= 1, "Retry-After is obeyed"
    if kind == "run" and front.waited:
        assert all(under_way <= ended + 1 for ended, under_way in front.seen), front.seen


def test_a_line_that_the_server_fails_thrice_has_an_error(running: Up, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"source": "print(1)"}')
    with Server(Front(running.url, [500] * 3).handler()) as server:
        done = start(tmp_path / "in.jsonl", "--output", tmp_path / "out", "--url", server.url)
        assert done.communicate(timeout=100)
    assert done.returncode == 1
    assert results(tmp_path / "out")[1]["error"].startswith("The server failed: ")
