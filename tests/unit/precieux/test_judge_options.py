"""What judges a program, by the options of `precieux submit` and `precieux batch`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from precieux.commands import show
from precieux.commands.parameters import JudgeOptions, byte_count
from precieux.errors import UsageError
from precieux_client import Checker, Interactor, ProgramChecker
from tests.factories import client_submission


def judges_of(checker: str, args: list[str] | None, interactor: Path | None, protocol: str) -> dict[str, Any]:
    return JudgeOptions(checker=checker, checker_args=args, interactor=interactor, protocol=protocol).judges()


@pytest.fixture
def judge(tmp_path: Path) -> Path:
    (tmp_path / "check.py").write_text("raise SystemExit(42)")
    return tmp_path / "check.py"


def test_a_kind_compares() -> None:
    assert judges_of("lines", None, None, "kattis") == {}
    assert judges_of("float", None, None, "kattis") == {"checker": Checker("float")}
    words = ["float_tolerance", "1e-6"]
    assert judges_of("icpc", words, None, "kattis") == {"checker": Checker("icpc", None, tuple(words))}


def test_a_file_or_a_folder_judges(judge: Path) -> None:
    source = {"check.py": b"raise SystemExit(42)"}
    made = ProgramChecker("py", files=source, entry="check.py", protocol="testlib", args=("a",))
    assert judges_of(str(judge), ["a"], None, "testlib") == {"checker": made}
    assert judges_of(str(judge.parent), ["a"], None, "testlib") == {"checker": made}


def test_an_interactor_gets_the_arguments_unless_a_checker_does(judge: Path) -> None:
    source = {"check.py": b"raise SystemExit(42)"}
    alone = judges_of("lines", ["a"], judge, "kattis")
    assert alone == {"interactor": Interactor("py", files=source, entry="check.py", args=("a",))}
    both = judges_of(str(judge), ["a"], judge, "testlib")
    assert (both["checker"].args, both["interactor"].args) == (("a",), ())


@pytest.mark.parametrize(
    ("checker", "args", "protocol", "reason"),
    [
        ("missing.cpp", None, "kattis", "there is no such file, and it is not one of exact"),
        ("lines", ["a"], "kattis", "--checker-arg goes with"),
        ("lines", None, "domjudge", "--checker-protocol domjudge: it must be one of kattis, testlib."),
    ],
)
def test_a_mistake_is_told(checker: str, args: list[str] | None, protocol: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        judges_of(checker, args, None, protocol)


def test_a_judge_error_says_that_the_program_is_not_at_fault() -> None:
    submission = client_submission(1)
    assert submission.run
    failed = replace(submission.run, verdict="judge_error", points=3, points_awarded=None)
    assert show.reason_of(replace(submission, run=failed)) == "the judge failed, which is no fault of the program"
    assert show.points(failed) == "-"
    assert show.points(replace(failed, verdict="accepted", points_awarded=2.333333)) == "2.333333/3"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1048576", 1 << 20),
        ("1024K", 1 << 20),
        ("512M", 512 << 20),
        ("2GiB", 2 << 30),
        ("3mb", 3 << 20),
        ("1T", 1 << 40),
    ],
)
def test_bytes_have_units(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["1", "1023K", "", "M", "1.5G", "-1M", "5X", "\u0661M", "1" * 19])
def test_wrong_numbers_of_bytes_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"at least 1048576|is no number of bytes"):
        byte_count(text)
