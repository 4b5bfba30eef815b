"""The images: their user and labels, and each language of `precieux-executor-full`."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest

from executor import languages
from tests.fixtures.compose import Stack, require_engine
from tests.languages.proofs import OUTPUTS, load

#: An operator who installs their tools has the others.
_IN_IMAGE = languages.known().keys() - {"a68", "bas", "bc", "bf", "el", "gprolog", "tcc", "vala", "zsh"}

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

#: Runs in the container, because its network leads nowhere. Reads programs by language, and writes their answers.
_RUN: Final = """
import json, os, sys, urllib.request
headers = {"Authorization": "Bearer " + os.environ["PRECIEUX_CODEX_TOKEN"], "Content-Type": "application/json"}
answers = {}
for language, code in json.load(sys.stdin).items():
    body = json.dumps({"language": language, "code": code, "input": ""}).encode()
    request = urllib.request.Request("http://127.0.0.1:8100/", body, headers)
    answers[language] = json.load(urllib.request.urlopen(request, timeout=120))["output"]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack whose executor has the most languages, and runs alone."""
    require_engine()
    # Some compilers and runtimes take longer than the limit that the other tests set.
    settings = {"PRECIEUX_EXECUTOR_IMAGE": "executor-full", "PRECIEUX_DEFAULT_TIME_LIMIT": "60"}
    one = Stack(tmp_path_factory.mktemp("full"), **settings)
    one.build("executor")
    try:
        one.up("executor")
        yield one
    finally:
        one.down()


def in_executor(stack: Stack, *command: str, stdin: str | None = None) -> Any:
    return json.loads(stack.compose("exec", "--no-TTY", "executor", *command, stdin=stdin))


@pytest.mark.parametrize("name", ["service", "executor", "executor-full", "gateway"])
def test_an_image_is_labelled_and_not_root(stack: Stack, full: Stack, name: str) -> None:
    command = ["docker", "image", "inspect", f"precieux-{name}"]
    (image,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert image["Config"]["User"] == "10001:10001"
    labels = {label.removeprefix("org.opencontainers.image.") for label in image["Config"]["Labels"]}
    assert {"title", "description", "licenses", "version", "revision"} <= labels


def test_every_language_of_the_full_image_works(full: Stack) -> None:
    report = in_executor(full, "python", "-m", "executor.doctor", "--json")
    assert report["broken"] == []
    assert {one["language"] for one in report["languages"]} == _IN_IMAGE
    assert all(row["held"] for row in report["rows"])


def test_a_program_of_each_language_runs(full: Stack) -> None:
    programs = {code: of_code["hello"] for code, of_code in load().items() if code in _IN_IMAGE}
    answers = in_executor(full, "python", "-c", _RUN, stdin=json.dumps(programs))
    wrong = {code: output for code, output in answers.items() if not output.startswith(OUTPUTS["hello"])}
    assert wrong == {}
    assert len(answers) == len(_IN_IMAGE)
