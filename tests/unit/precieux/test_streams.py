"""The command with standard streams that are closed, full, or of another encoding."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_SUBMIT = ("submit", "-", "--language", "py", "--url", "http://127.0.0.1:1")


def precieux(*arguments: str | bytes, shell: str = "", **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run the command, with redirections as a shell writes them."""
    words = ["sh", "-c", f'exec "$0" -P -m precieux "$@" {shell}', sys.executable, *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **streams)


def test_a_command_may_have_no_standard_output() -> None:
    done = precieux("--version", shell=">&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_may_have_no_standard_input() -> None:
    done = precieux(*_SUBMIT, shell="<&-")
    assert done.returncode == 3
    assert "127.0.0.1:1 does not answer" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_output_is_one_sentence() -> None:
    done = precieux("--version", shell=">/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "precieux: The standard output cannot be written (No space left on device): make room on its disk."
    ]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_text_is_printed_in_any_encoding(encoding: str) -> None:
    code = "from precieux import terminal; terminal.prepare_streams(); terminal.say('\u0633 \U0001f331')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "\u0633 \U0001f331\n".encode(encoding, "backslashreplace")


def test_an_argument_that_is_no_text_is_one_sentence() -> None:
    done = precieux(*_SUBMIT, "--input", b"\xff", input="print(1)")
    assert done.returncode == 2
    sentence = r"precieux: The argument '\udcff' is not text in UTF-8: write it in UTF-8."
    assert done.stderr.splitlines() == [sentence]


def test_the_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/\xff.py"
    Path(os.fsdecode(file)).write_text("print(1)")
    done = precieux("submit", file, *_SUBMIT[2:])
    assert done.returncode == 3
    assert "127.0.0.1:1 does not answer" in done.stderr


def test_a_limit_must_be_a_number() -> None:
    done = precieux(*_SUBMIT, "--cpu-s", "nan", input="print(1)")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["precieux: --cpu-s and --wall-s must be numbers of seconds."]
