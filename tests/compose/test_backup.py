"""The commands of docs/operations.md, verbatim: back up, lose everything, restore."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.fixtures.compose import ROOT, Stack
from tests.waiting import eventually_sync

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

#: More than fits into a mail or a row, so that all of it is stored as an object.
PROGRAM: Final = "for number in range(20000):\n    print(number, 'kept')\n"


def documented() -> tuple[str, str]:
    """Return the two blocks of commands for Compose: one backs up, one restores."""
    section = (ROOT / "docs/operations.md").read_text().partition("\n## Back up and restore\n")[2].partition("\n## ")[0]
    backup, restore = re.findall(r"(?:^ {4}.*docker .*\n)+", section, re.MULTILINE)
    return backup, restore


def run(stack: Stack, commands: str, folder: Path) -> None:
    """Run commands in a shell like the operator's, whose Compose finds the stack by its usual name."""
    known = {
        "COMPOSE_PROJECT_NAME": stack.project,
        "COMPOSE_FILE": str(ROOT / "docker-compose.yml"),
        "COMPOSE_ENV_FILES": str(stack.env_file),
    }
    script = commands.replace("precieux_", f"{stack.project}_")
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script], cwd=folder, env={**os.environ, **known}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def submitted(stack: Stack, source: Path, email: str) -> int:
    number = stack.submit(source, email=email, language="py")
    stack.request_execution(number)

    def ended() -> bool:
        return stack.submissions(email)[-1]["status"] in ("executed", "failed")

    eventually_sync(ended, timeout=60, what=f"submission {number} ends")
    return number


def whole_output(stack: Stack, email: str) -> str:
    (one,) = stack.submissions(email)
    answer = requests.get(one["filelink"], timeout=30)
    assert answer.ok, answer.text
    return answer.text


def test_a_backup_brings_everything_back(stack: Stack, tmp_path: Path) -> None:
    source = tmp_path / "kept.py"
    source.write_text(PROGRAM)
    submitted(stack, source, "before@example.com")
    output = whole_output(stack, "before@example.com")
    assert output.endswith("19999 kept\n")

    backup, restore = documented()
    run(stack, backup, tmp_path)
    submitted(stack, source, "after@example.com")

    # A new machine has the checkout, .env, and the two files.
    stack.compose("down", "--volumes", "--timeout=5")
    run(stack, restore, tmp_path)
    assert whole_output(stack, "before@example.com") == output
    assert stack.submissions("after@example.com") == []
    submitted(stack, source, "restored@example.com")

    # So does the old one, with newer data.
    run(stack, restore, tmp_path)
    assert whole_output(stack, "before@example.com") == output
    assert stack.submissions("restored@example.com") == []
    submitted(stack, source, "restored@example.com")
    assert whole_output(stack, "restored@example.com") == output
