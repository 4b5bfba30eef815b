"""Programs and tests as they are read from files, folders, zips and standard input."""

import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from precieux.commands.parameters import JudgeOptions
from precieux.errors import UsageError
from precieux.host.files import STDIN
from precieux.programs.package import read_package
from precieux.programs.read import read_program, read_tests
from precieux_client import TestCase


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("helper.py", "main.py", "data/words.txt", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_folder_is_a_program_without_its_hidden_files(folder: Path) -> None:
    program = read_program([folder])
    assert list(program.files) == ["data/words.txt", "helper.py", "main.py"]
    assert (program.entry, program.language) == ("main.py", "py")


def test_links_out_of_a_folder_are_left_out(folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    assert "passwd" not in read_program([folder]).files


def test_a_zip_is_a_program(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("src/Main.java", "class Main {}")
        archive.writestr("lib/", "")
    program = read_program([tmp_path / "a.zip"])
    assert program.files == {"src/Main.java": b"class Main {}"}
    assert (program.entry, program.language) == ("src/Main.java", "java")


def test_of_several_languages_that_of_main_counts(folder: Path) -> None:
    (folder / "a.c").touch()
    assert read_program([folder]).language == "py"


def test_files_are_named_without_their_folders(folder: Path) -> None:
    program = read_program([folder / "helper.py", folder / "main.py"], entry="helper.py")
    assert list(program.files) == ["helper.py", "main.py"]
    assert program.entry == "helper.py"


def test_a_program_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"print(1)")))
    program = read_program([STDIN], language="py")
    assert (program.source, program.language) == ("print(1)", "py")


@pytest.mark.parametrize(
    ("names", "entry", "language", "sentence"),
    [
        (["missing.py"], None, None, "missing.py cannot be read"),
        (["README"], None, None, "give one with --language"),
        (["a.py", "b.c"], None, None, "in several languages, and none is named main: give one with --entry"),
        (["main.py", "data"], None, None, "data is a folder"),
        (["main.py", "other/main.py"], None, None, "Two files are named main.py"),
        (["main.py"], "x.py", None, "--entry x.py is not one of the files: main.py"),
        (["empty"], None, "py", "There is no file in"),
        (["broken.zip"], None, None, "cannot be read as a zip"),
    ],
)
def test_a_wrong_program_is_refused_with_a_sentence(
    folder: Path, names: Sequence[str], entry: str | None, language: str | None, sentence: str
) -> None:
    for name in ("README", "a.py", "b.c"):
        (folder / name).touch()
    (folder / "broken.zip").write_text("no zip")
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other/main.py").touch()
    with pytest.raises(UsageError, match=sentence):
        read_program([folder / name for name in names], entry=entry, language=language)


def test_standard_input_needs_a_language() -> None:
    with pytest.raises(UsageError, match="--language"):
        read_program([STDIN])


def test_tests_are_in_their_natural_order(tmp_path: Path) -> None:
    for name in ("10.in", "9.in", "9.out", "1.in", "1.ans", "notes.txt"):
        (tmp_path / name).write_bytes(f"{name}\r\n".encode())
    assert read_tests([f"{tmp_path}/9.in:{tmp_path}/9.out", f"{tmp_path}/10.in"], tmp_path) == [
        TestCase("9.in\r\n", "9.out\r\n", name="9"),
        TestCase("10.in\r\n", None, name="10"),
        TestCase("1.in\r\n", "1.ans\r\n", name="1"),
        TestCase("9.in\r\n", "9.out\r\n", name="9"),
        TestCase("10.in\r\n", None, name="10"),
    ]


def test_names_that_may_be_misspelt_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file of the output may be misspelt, and then the test would give its points away."""
    for name in ("1.in", "1.out", "2.in", "2.ou", "10.in", "11.out", ".hidden"):
        (tmp_path / name).write_text("1\n")
    JudgeOptions(tests=tmp_path).cases()
    said = capsys.readouterr().err
    assert "if they end well: 2, 10." in said
    assert "belong to no test: 2.ou, 11.out." in said


def test_a_folder_without_tests_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"such as 1\.in and 1\.out"):
        read_tests([], tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_tests([], tmp_path / "none")
    (tmp_path / "1.in").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not text in UTF-8"):
        read_tests([], tmp_path)


def test_a_package_is_a_zip_or_a_folder_with_links_within_its_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "contest/sum"
    for path in ("secret", "contest/.git/config", "contest/common.h", "contest/sum/problem.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    for name, target in (("a.h", "../common.h"), ("b", "../../secret"), ("c", "../.git/config"), ("d", "nowhere")):
        (root / name).symlink_to(target)
    with zipfile.ZipFile(io.BytesIO(read_package(root))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.h": b"contest/common.h",
            "problem.yaml": b"contest/sum/problem.yaml",
        }
    assert capsys.readouterr().err.count("leads out of the package") == 3
    with pytest.raises(UsageError, match="is neither a folder nor a zip"):
        read_package(root / "problem.yaml")
