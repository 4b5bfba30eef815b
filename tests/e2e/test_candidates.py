"""`precieux batch FILE.jsonl`: a result for each line, once, whatever ends the command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.up import Up

LINES: list[tuple[str, str | None, str]] = [
    ('{"id": "good", "source": "print(input())", "stdin": "1", "expected_output": "1"}', "accepted", ""),
    ('{"id": "bad", "files": [{"path": "a.py", "content": "print(2)"}], "expected_output": "1"}', "wrong_answer", ""),
    ('{"source": "print(1)", "tests": [{"name": "t", "stdin": "1", "expected_output": "1"}]}', "accepted", ""),
    ('{"id": "good", "source": "print(1)"}', None, "An earlier line has the same id."),
    ('{"id": 5, "source": "print(1)", "mail": 1}', None, "It has a key that is not known: mail."),
    ('{"id": 6, "source": "print(1)", "problem": "sum"}', None, "`problem` goes with --store only."),
    ('{"id": 7, "source": ""', None, "The line is no JSON: "),
    ('{"id": 8}', None, "Send exactly one of `source` and `files`."),
    ('{"id": 9, "files": [{"path": 1}]}', None, "Its files are no list of objects with `path` and `content`."),
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
