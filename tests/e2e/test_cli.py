"""`precieux submit` and `precieux status` against a running system, as a person or a script calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.up import Up

pytestmark = pytest.mark.e2e


def precieux(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "precieux", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "double.py"
    path.write_text("print(2 * int(input()))\n")
    return path


def test_waiting_prints_the_output_alone_on_a_pipe(running: Up, source: Path) -> None:
    done = precieux("submit", source, "--email", "cli@example.com", "--input", "21", "--wait", "--url", running.url)
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert "running" in done.stderr or "done" in done.stderr


def test_a_program_that_fails_makes_the_exit_code_1(running: Up, source: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "input.txt"
    inputs.write_text("many")
    done = precieux(
        "submit", source, "--email", "cli@example.com", "--input-file", inputs, "--wait", "--url", running.url
    )
    assert done.returncode == 1
    assert "ValueError" in done.stderr
    assert "runtime_error" in done.stderr


def test_json_is_for_machines(running: Up, source: Path) -> None:
    email = "json@example.com"
    sent = precieux("submit", source, "--email", email, "--input", "1", "--wait", "--json", "--url", running.url)
    submission = json.loads(sent.stdout)
    assert (submission["verdict"], submission["output"]) == ("ok", "2\n")
    listed = precieux("status", email, "--json", "--url", running.url)
    assert [one["id"] for one in json.loads(listed.stdout)] == [submission["id"]]
    plain = precieux("status", email, "--url", running.url)
    assert plain.stdout.split("\t")[:3] == [str(submission["id"]), "executed", "ok"]


def test_a_number_of_ones_own_choice_can_be_taken_once(running: Up, source: Path) -> None:
    arguments = ("submit", source, "--email", "cli@example.com", "--id", "77001", "--url", running.url)
    assert precieux(*arguments).returncode == 0
    again = precieux(*arguments)
    assert again.returncode == 1
    assert again.stderr.startswith("precieux: The server refused (409): ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("submit", "missing.py", "--email", "a@example.com"), "missing.py cannot be read"),
        (("submit", "README", "--email", "a@example.com"), "say it with --language"),
        (("submit", "a.py", "--email", "a@example.com", "--input", "x", "--input-file", "y"), "not both"),
        (("status", "a@example.com", "--url", "http://127.0.0.1:9"), "start a server with `precieux up`"),
        (("status", "a@example.com", "--url", "localhost:8000"), "begins with http:// or https://"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = precieux(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
