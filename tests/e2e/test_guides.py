"""The commands of the tutorial and of a how-to, in their order on a new system, end as the pages say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.fixtures.up import Up, running_system

pytestmark = pytest.mark.slow

_DOCS = Path(__file__).parents[2] / "docs"
#: The first words of commands. What else is indented is their output.
_COMMANDS = ("cat", "curl", "echo", "export PRECIEUX_API_KEY", "for", "mkdir", "precieux ", "sed", "(echo")


@pytest.fixture(scope="module")
def system() -> Iterator[Up]:
    with running_system() as one:
        yield one


def output_of(page: str, system: Up, folder: Path) -> str:
    """Run the commands of a page, and return what they write."""
    blocks = (
        dedent(block).strip("\n") for block in (_DOCS / page).read_text().split("\n\n") if block.startswith("    ")
    )
    script = "\n".join(block for block in blocks if block.startswith(_COMMANDS))
    places = {
        "http://127.0.0.1:8000": system.url,
        "~/.local/share/precieux": str(system.data_dir),
        "pcx_...": "$(cat key)",
        "--recipients example.edu": "--recipients example.edu | tee key",
    }
    for written, here in places.items():
        script = script.replace(written, here)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {"PATH": path, "PRECIEUX_URL": system.url, "PRECIEUX_DATA_DIR": str(system.data_dir)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=os.environ | known, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200, check=False,
    )  # fmt: skip
    return done.stdout


def test_the_tutorial(system: Up, tmp_path: Path) -> None:
    output = output_of("tutorial.md", system, tmp_path)
    page = (_DOCS / "tutorial.md").read_text()
    for line in (
        "1 4 9 16 25\n",
        "Submission 1: ok\n",
        "Submission 2: runtime_error: exit code 1\n",
        "student7.py,10,finished,wrong_answer,0.0,2.0,",
        "email: This API key may not send mail to this address, ",
    ):
        assert line in page
        assert line in output
    assert "30 programs: 29 accepted, 1 wrong_answer (student7.py).\n" in output
    assert "Submission 10: wrong_answer (0/2 points)\n" in output
    assert "30 programs: 29 accepted, 1 wrong_answer (class/student7.py).\n" in output


def test_a_class_is_judged_by_a_problem(system: Up, tmp_path: Path) -> None:
    output = output_of("how-to/judge-problems.md", system, tmp_path)
    page = (_DOCS / "how-to/judge-problems.md").read_text()
    for line in ("sum@1\n", "2 programs: 1 accepted, 1 wrong_answer (alan.py).\n"):
        assert line in page
        assert line in output
    assert (tmp_path / "results.csv").read_text().count("\n") == 3


def test_how_to_grade_with_unit_tests(system: Up, tmp_path: Path) -> None:
    output = output_of("how-to/grade-with-unit-tests.md", system, tmp_path)
    for line in (
        "1\ttest_mean\tpassed\t1/1\t",
        "1 of 3 points, 1 of 2 tests passed\n",
        "2 programs: 1 accepted, 1 runtime_error (alan.py).\n",
        "mean@1\n",
        "mean@1: passed",
    ):
        assert line in output
    assert re.search(r"alan\.py,\d+,finished,runtime_error,1\.0,3\.0,", (tmp_path / "results.csv").read_text())
    assert '<testsuite name="ada.py" tests="2" failures="0" errors="0"' in (tmp_path / "results.xml").read_text()
