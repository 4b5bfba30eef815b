"""The examples of docs/api.md, sent to a running system in the order of the page."""

import json
import os
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import requests

from tests.fixtures.contract import create_key
from tests.fixtures.up import SETTINGS, Up, running_system

pytestmark = pytest.mark.slow

_PAGE: Final = Path(__file__).parents[2] / "docs/api.md"
#: It has the calls of problems, whose examples are of the command line.
_PROBLEMS: Final = _PAGE.with_name("judging.md")
#: What the page's webhooks and mail events need. Its webhook's host is one that no name server knows (RFC 2606).
_SETTINGS: Final = {"PRECIEUX_MAILGUN_SIGNING_KEY": "a-signing-key"}
#: Puts an answer's body aside, and prints its status, method and URL.
_CURL: Final = """
curl() { command curl -sS --max-time 60 -o body -w '%{http_code} %{method} %{url_effective}' "$@"; }
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A curl command of the page. `refusal` is the status after its `#`, if it has one."""

    command: str
    refusal: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer to an example. `call` is such as `GET /v1/limits`, without the query."""

    example: Example
    status: int
    call: str


def _version_1() -> str:
    return _PAGE.read_text().partition("\n## Version 1\n")[2]


def _examples(text: str) -> Iterator[Example]:
    """Yield the curl commands of indented lines, each with the lines that continue it."""
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("    curl "):
            continue
        command = line
        while not _is_whole(command):
            command += "\n" + next(lines)
        comment = re.search(r"  # (\d{3})$", command)
        yield Example(command.strip(), int(comment[1]) if comment else None)


def _is_whole(command: str) -> bool:
    try:
        return bool(shlex.split(command)) and not command.endswith("\\")
    except ValueError:  # a quotation is open
        return False


def _promises(text: str) -> dict[str, int]:
    """Return the calls of the page's table, each with the status of a good answer."""
    rows = re.findall(r"^\| `([A-Z]+ /v1/\S+)` \| (\d+)[^|]* \|", text, re.MULTILINE)
    return {call: int(status) for call, status in rows}


def _is_call(call: str, template: str) -> bool:
    """True if a call such as `GET /v1/submissions/5` is one of `GET /v1/submissions/{id}`."""
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), call) is not None


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """Yield a system with everything that the page mentions. It has a key, so it cannot be shared with other tests."""
    with running_system(SETTINGS | _SETTINGS) as one:
        yield one


@pytest.fixture(scope="module")
def answers(up: Up, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """Return the answers to all examples, in the order of the page."""
    key = create_key(up.data_dir, "docs")["key"]
    folder = tmp_path_factory.mktemp("examples")
    (folder / "main.py").write_text("print(6 * 7)\n")
    (folder / "helper.py").touch()
    with zipfile.ZipFile(folder / "program.zip", "w") as program:
        program.writestr("main.py", "print(6 * 7)\n")
    environment = {**os.environ, "URL": up.url, "KEY": key}
    answers = []
    for example in _examples(_version_1()):
        shell = ["bash", "-uc", _CURL + example.command]
        done = subprocess.run(shell, cwd=folder, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{example.command}\n{done.stderr}"
        status, method, url = done.stdout.split()
        call = f"{method} {urlsplit(url).path}"
        answers.append(Answer(example, int(status), call))
        if (call, status) == ("POST /v1/submissions", "201"):
            environment["ID"] = str(json.loads((folder / "body").read_text())["id"])
        elif (call, status) == ("POST /v1/batches", "201"):
            environment["BATCH"] = str(json.loads((folder / "body").read_text())["id"])
    return answers


def test_each_example_has_the_status_that_the_page_promises(answers: list[Answer]) -> None:
    promises = _promises(_version_1())
    assert len(answers) > len(promises)
    for answer in answers:
        [good] = [status for template, status in promises.items() if _is_call(answer.call, template)]
        expected = good if answer.example.refusal is None else answer.example.refusal
        assert answer.status == expected, answer.example.command


def test_the_page_has_each_call_of_version_1(up: Up, answers: list[Answer]) -> None:
    paths = requests.get(f"{up.url}/openapi.json", timeout=10).json()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if "/v1/" in path}
    own = set(_promises(_version_1()))
    assert calls == own | set(_promises(_PROBLEMS.read_text()))
    assert not {call for call in own if not any(_is_call(answer.call, call) for answer in answers)}
