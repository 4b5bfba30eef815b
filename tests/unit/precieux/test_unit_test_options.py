"""Unit tests by the options of `precieux submit`, `batch` and `run`, and what is shown of their results."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from precieux.commands import show
from precieux.commands.unit_tests import UnitTestOptions, write_junit
from precieux.errors import UsageError
from precieux_client import Run, UnitTests
from precieux_client.decoding import decode
from tests.factories import client_submission
from tests.unit.client.server import RUN, Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("test_a.py", "deep/conftest.py", "__pycache__/test_a.pyc", "deep/__pycache__/a.pyc", ".git/config"):
        (tmp_path / "unit" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unit" / name).write_text(name)
    (tmp_path / "one.py").write_text("1")
    return tmp_path


def test_files_and_folders_are_read_without_caches(folder: Path) -> None:
    options = UnitTestOptions([folder / "unit", folder / "one.py"], "unittest", "student", [folder / "one.py"], True)
    files = {"deep/conftest.py": b"deep/conftest.py", "test_a.py": b"test_a.py", "one.py": b"1"}
    assert options.suite() == UnitTests(
        files=files, framework="unittest", module="student", shared_files={"one.py": b"1"}, visibility="hidden"
    )
    assert UnitTestOptions().suite() is None


@pytest.mark.parametrize(("options", "sentence"), [
    ({"unit_tests": ["one.py", "one.py"]}, "Two files are named one.py"),
    ({"unit_tests": ["none.py"]}, "none.py"),
    ({"module": "student"}, "need --unit-tests"), ({"hidden_tests": True}, "need --unit-tests"),
])  # fmt: skip
def test_what_cannot_be_sent_is_told(folder: Path, options: dict[str, object], sentence: str) -> None:
    if isinstance(paths := options.get("unit_tests"), list):
        options = {"unit_tests": [folder / name for name in paths]}
    with pytest.raises(UsageError, match=sentence):
        UnitTestOptions(**options).suite()  # type: ignore[arg-type]


def test_each_test_and_the_sums_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"stdout": "", "stderr": "", "cpu_s": 0.1, "points": 5, "hidden": False, "truncated": [], "diff": None}
    nothing = dict.fromkeys(("exit_code", "signal", "memory_bytes", "wall_s"))
    ends = [("accepted", "passed", 5, None), ("wrong_answer", "failed", 2, "assert 1 == 2\nmore")]
    names = ("verdict", "outcome", "points_awarded", "message")
    tests = [
        {"number": number, "name": f"test_{number}", **keys, **nothing, **dict(zip(names, end, strict=True))}
        for number, end in enumerate(ends, 1)
    ]
    show.result_of(decode(Run, {**RUN, "points": 10, "points_awarded": 7, "tests": tests}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["1\ttest_1\tpassed\t5/5\t0.100\t-", "2\ttest_2\tfailed\t2/5\t0.100\tassert 1 == 2"]
    assert lines[-1] == "7 of 10 points, 1 of 2 tests passed"


def test_the_results_of_a_batch_are_one_file(tmp_path: Path) -> None:
    suite = '<testsuite name="student.py" tests="2" failures="1" errors="0" skipped="0" time="1"/>'
    server = Server(httpx.Response(200, text=f"<testsuites>{suite}</testsuites>"))
    ran, file = client_submission(1), tmp_path / "junit.xml"
    with server.client() as client:
        write_junit(client, [ran, replace(ran, run=None), ran], ["ada", "bob", "eve\x0b"], file)
        write_junit(client, [ran], ["ada"], None)
    assert {str(request.url.raw_path) for request in server.requests} == {"b'/v1/submissions/1?format=junit'"}
    root = ElementTree.parse(file).getroot()
    assert [suite.get("name") for suite in root] == ["ada", "eve\ufffd"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "0")
