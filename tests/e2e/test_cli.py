"""`precieux submit` and `precieux status` against a running system, as a person or a script calls them."""

import json
import signal
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import requests

from tests.fixtures.up import Up
from tests.waiting import eventually_sync

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


def test_the_line_ends_of_an_input_file_are_kept(running: Up, tmp_path: Path) -> None:
    source, inputs = tmp_path / "raw.py", tmp_path / "input.txt"
    source.write_text("import sys\nprint(sys.stdin.buffer.read())\n")
    inputs.write_bytes(b"a\r\nb\r")
    done = precieux(
        "submit", source, "--email", "cli@example.com", "--input-file", inputs, "--wait", "--url", running.url
    )
    assert done.stdout == "b'a\\r\\nb\\r'\n"


def test_an_interrupted_wait_says_that_the_submission_runs(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "endless.py"
    source.write_text("import time\ntime.sleep(60)\n")
    command = [sys.executable, "-P", "-m", "precieux", "submit", str(source), "--email", "c@example.com", "--wait"]
    with subprocess.Popen([*command, "--url", running.url], stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr
        first = waiting.stderr.readline()
        number = first.split()[1].rstrip(":")
        waiting.send_signal(signal.SIGINT)
        rest = waiting.stderr.read()
    assert waiting.returncode == 130, rest
    assert f"Submission {number} still runs" in rest
    assert "precieux status c@example.com" in rest


def test_a_wait_ends_after_its_timeout(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "endless.py"
    source.write_text("import time\ntime.sleep(60)\n")
    email = "timeout@example.com"
    done = precieux("submit", source, "--email", email, "--wait", "--timeout", "0.5", "--url", running.url)
    assert done.returncode == 124, done.stderr
    assert f"still runs: see `precieux status {email}`" in " ".join(done.stderr.split())


def test_json_output_is_the_submission(running: Up, source: Path) -> None:
    email = "json@example.com"
    sent = precieux("submit", source, "--email", email, "--input", "1", "--wait", "--json", "--url", running.url)
    submission = json.loads(sent.stdout)
    assert (submission["verdict"], submission["output"]) == ("ok", "2\n")
    listed = precieux("status", email, "--json", "--url", running.url)
    assert [one["id"] for one in json.loads(listed.stdout)] == [submission["id"]]
    plain = precieux("status", email, "--url", running.url)
    assert plain.stdout.split("\t")[:3] == [str(submission["id"]), "executed", "ok"]


def test_a_chosen_number_can_be_taken_once(running: Up, source: Path) -> None:
    arguments = ("submit", source, "--email", "cli@example.com", "--id", "77001", "--url", running.url)
    assert precieux(*arguments).returncode == 0
    again = precieux(*arguments)
    assert again.returncode == 3
    assert again.stderr.startswith("precieux: The server refused (409): ")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("submit", "missing.py", "--email", "a@example.com"), 2, "missing.py cannot be read"),
        (("submit", "README", "--email", "a@example.com"), 2, "give one with --language"),
        (("submit", "a.py", "--email", "a@example.com", "--input", "x", "--input-file", "y"), 2, "not both"),
        (("status", "a@example.com", "--url", "http://127.0.0.1:9"), 3, "start a server with `precieux up`"),
        (("status", "a@example.com", "--url", "localhost:8000"), 2, "must begin with http:// or https://"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    done = precieux(*arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_command_line_finds_its_key_when_there_are_keys(up: Up, source: Path) -> None:
    up.start()
    here = ("--url", up.url, "--data-dir", up.data_dir)
    [file] = up.data_dir.glob("api-key.*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # The key that `up` makes does not end protected mode: the first curl needs no key.
    assert requests.get(f"{up.url}/check_user/?email=a@example.com", timeout=10).status_code == 200
    created = precieux("keys", "create", "course", "--data-dir", up.data_dir)
    assert created.returncode == 0, created.stderr

    def is_closed() -> bool:
        return requests.get(f"{up.url}/check_user/?email=a@example.com", timeout=10).status_code == 401

    eventually_sync(is_closed, what="the key ends protected mode")
    done = precieux("submit", source, "--email", "cli@example.com", "--input", "21", "--wait", *here)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert precieux("status", "cli@example.com", *here).stdout.split("\t")[1] == "executed"
    refused = precieux("status", "cli@example.com", "--url", up.url, "--data-dir", source.parent)
    assert refused.returncode == 3
    assert "PRECIEUX_API_KEY" in refused.stderr
    key = file.read_text()
    assert key not in up.log
    up.stop()
    assert list(up.data_dir.glob("api-key.*")) == []


def test_the_version_is_shown() -> None:
    done = precieux("--version")
    assert (done.returncode, done.stdout) == (0, f"precieux {metadata.version('precieux')}\n")


def test_a_long_output_is_printed_to_its_end(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "long.py"
    source.write_text("print('ب' * 200_000)")
    done = precieux("submit", source, "--email", "long@example.com", "--wait", "--url", running.url)
    assert done.stdout == "ب" * 200_000 + "\n"
