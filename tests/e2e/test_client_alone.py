"""The client in an environment of its own, as a teacher installs it: `pip install ./client`."""

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.up import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_CLIENT: Final = Path(__file__).parents[2] / "client"
_MAX_PACKAGES: Final = 11
#: Uses each kind of call, so that mypy sees the types of their answers.
_PROGRAM: Final = """
import asyncio

from precieux_client import AsyncClient, Checker, Client, InvalidRequest, Limits, TestCase


def main() -> None:
    with Client() as client:
        done = client.run(language="py", source="print(int(input()) * 2)", stdin="21", limits=Limits(cpu_s=1))
        assert done.run is not None
        assert done.run.stdout == "42\\n"
        tests = [TestCase("1", "2.0")]
        batch = client.create_batch(
            [{"language": "py", "source": "print(input() * 2)", "tests": tests, "checker": Checker(kind="float")}]
        )
        numbers: tuple[int, ...] = tuple(client.wait_for_batch(batch.id).submissions)
        names: list[str] = [event.name for event in client.events(numbers[0])]
        verdicts: list[str | None] = [one.verdict for one in client.list(batch=batch.id)]
        print(names[-1], verdicts)
        try:
            client.submit(language="cobol", source="x")
        except InvalidRequest as error:
            print(error.status, error.errors[0].pointer)


async def ask() -> None:
    async with AsyncClient() as client:
        print(len(await client.languages()) > 0, (await client.limits()).max_tests)


main()
asyncio.run(ask())
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the client and what it needs."""
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", _CLIENT], check=True)
    return python


def run(python: Path, *arguments: str | Path, url: str) -> str:
    """Return what a program prints."""
    environment = {"PATH": os.environ["PATH"], "PRECIEUX_URL": url}
    command = [python, *arguments]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def test_it_needs_few_packages(python: Path) -> None:
    listed = subprocess.run([python, "-m", "pip", "list", "--format", "json"], check=True, stdout=subprocess.PIPE)
    names = {package["name"] for package in json.loads(listed.stdout)} - {"pip", "setuptools"}
    assert "precieux-client" in names
    assert len(names) <= _MAX_PACKAGES, names


def test_a_program_of_it_passes_mypy_and_runs(python: Path, running: Up, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    options = ["--strict", "--python-executable", str(python), "--cache-dir", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "mypy", *options, str(program)]
    checked = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert run(python, program, url=running.url).splitlines() == [
        "finished ['wrong_answer']", "422 /language", "True 100"
    ]  # fmt: skip


def test_the_example_marks_a_folder(python: Path, running: Up, tmp_path: Path) -> None:
    programs = {"programs/good.py": "print(2 * int(input()))", "programs/bad.py": "print(input())"}
    tests = {"tests/1.in": "1", "tests/1.out": "2", "tests/2.in": "4", "tests/2.out": "8"}
    for name, text in (programs | tests).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    example = _CLIENT / "examples/mark_folder.py"
    marks = run(python, example, tmp_path / "programs", tmp_path / "tests", url=running.url).splitlines()
    assert [re.sub(" +", " ", line) for line in marks] == [
        "bad.py 0 of 2 points, wrong_answer", "good.py 2 of 2 points, accepted"
    ]  # fmt: skip
