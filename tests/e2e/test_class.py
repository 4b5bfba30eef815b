"""A class as a system exports it, through a running server, into the system's file of grades."""

import csv
import email
import email.policy
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from precieux_client import Client
from tests.fixtures.up import Up
from tests.waiting import eventually_sync

HEAD = "Identifier,Full name,Email address,Status,Grade,Maximum grade,Last modified (grade),Feedback comments"
RIGHT, WRONG = "print(2 * int(input()))", "x = int(input())\nprint(x + 2 if x < 9 else 1 / 0)"
SUBMITTED = {
    "Zoë_1_assignsubmission_file/main.py": RIGHT,
    "علی_2_assignsubmission_file/double.py": WRONG,
    "Bob_3_assignsubmission_file/report.docx": "x",
    "Cyd_4_assignsubmission_file/wide.py": "\ufeffprint(1)",
}


def command(*arguments: str | Path, kill: bool = False) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-P", "-m", "precieux", *map(str, arguments)]
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if kill:
        assert process.stderr
        process.stderr.readline()  # it says whom it found, and then runs them
        os.kill(process.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=100)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def moodle(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "moodle.zip", "w") as archive:
        for path, text in SUBMITTED.items():
            archive.writestr(path, text.encode("utf-16" if "wide" in path else "utf-8"))
    rows = [f"Participant {number},{name},{name}@example.com,,,10.00,-," for number, name in enumerate("ABCDE", 1)]
    (tmp_path / "worksheet.csv").write_bytes("\r\n".join([f"\ufeff{HEAD}", *rows]).encode())
    (tmp_path / "cases").mkdir()
    for name, number in (("small", 2), ("large", 9)):
        (tmp_path / f"cases/{name}.in").write_text(f"{number}")
        (tmp_path / f"cases/{name}.out").write_text(f"{2 * number}")
    return tmp_path


def options(folder: Path, url: str) -> tuple[str | Path, ...]:
    files = ("--roster", folder / "worksheet.csv", "--grades", folder / "grades.csv", "--feedback", folder / "f.zip")
    return ("batch", folder / "moodle.zip", "--tests", folder / "cases", *files, "--url", url)


def test_a_class_is_graded_once_even_if_the_command_is_killed(running: Up, moodle: Path) -> None:
    command(*options(moodle, running.url), kill=True)
    assert not (moodle / "grades.csv").exists()
    first = command(*options(moodle, running.url))
    second = command(*options(moodle, running.url), "--output", moodle / "again.csv")
    assert (first.returncode, second.returncode) == (1, 1), first.stderr
    assert first.stdout == (moodle / "again.csv").read_text()
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(first.stdout))}
    assert [rows[str(number)]["state"] for number in range(1, 6)] == [
        "finished",
        "finished",
        "skipped",
        "skipped",
        "missing",
    ]
    right, wrong = (int(rows[number]["id"]) for number in "12")
    with Client(running.url) as client:
        batches = {one.batch for name in "AB" for one in client.list(metadata={"name": name})}
        assert [client.get_batch(batch or 0).submissions for batch in batches] == [(right, wrong)]
    refused = rows["4"]["note"].replace('"', '""')
    expected = [
        f"Participant 1,A,A@example.com,,10.00,10.00,-,Full marks: 2 of 2 tests passed. Submission {right}.",
        f"Participant 2,B,B@example.com,,5.00,10.00,-,1 of 2 tests passed. large: runtime error. Submission {wrong}.",
        "Participant 3,C,C@example.com,,,10.00,-,Not run: there is no program in it (report.docx).",
        f"Participant 4,D,D@example.com,,,10.00,-,{refused}",
        "Participant 5,E,E@example.com,,,10.00,-,",
    ]
    assert (moodle / "grades.csv").read_bytes() == "\r\n".join([f"\ufeff{HEAD}", *expected]).encode()
    assert refused.startswith("Not run: the server refuses it: ")
    with zipfile.ZipFile(moodle / "f.zip") as archive:
        assert len(archive.namelist()) == 4
        assert "Expected:\n18" in archive.read("علی_2_assignsubmission_file/result.txt").decode()
    said = first.stderr.splitlines()
    assert said[0] == "Moodle: 4 submissions, of 5 people in worksheet.csv."
    assert said[1].startswith("Skipped 2: C: there is no program in it (report.docx).")
    assert said[3:-2] == [
        "Points    1  2",
        "Students  1  1",
        "Failed most: large (1 of 2), runtime error in large (1).",
    ]
    assert said[-2].endswith("2 without a grade, 1 handed in nothing.")
    assert said[-1] == "2 programs: 1 accepted, 1 wrong_answer (B)." or "runtime_error (B)" in said[-1]


def test_a_class_is_graded_by_unit_tests(running: Up, moodle: Path) -> None:
    test = "@pytest.mark.skip\ndef test_later(): pass\ndef test_it(): student.int"
    (moodle / "test_it.py").write_text(f"import pytest, student\n{test}\n")
    tests = ("--unit-tests", moodle / "test_it.py", "--junit-xml", moodle / "j.xml")
    words = options(moodle, running.url)
    done = command(*words[:2], *tests, *words[4:])
    assert done.returncode == 1, done.stderr
    assert (moodle / "grades.csv").read_text("utf-8-sig").count(",0 of 2 tests passed. test_it: error. Subm") == 2
    assert [suite.get("name") for suite in ElementTree.parse(moodle / "j.xml").getroot()] == ["A", "B"]
    (moodle / "programs.jsonl").write_text("{}")
    refused = command("batch", moodle / "programs.jsonl", *tests, "--url", running.url)
    assert (refused.returncode, "--junit-xml is for a class or a folder" in refused.stderr) == (2, True)


def test_a_dry_run_asks_no_server(moodle: Path) -> None:
    done = command(*options(moodle, "http://127.0.0.1:9"), "--dry-run", "--mail-students", "--json")
    assert done.returncode == 1, done.stderr
    rows = {row["student"]: row for row in json.loads(done.stdout)}
    assert list(rows["1"].values()) == ["1", "A", ["main.py"], "main.py", "py", None, "A@example.com", None]
    assert rows["3"]["note"] == "Not run: there is no program in it (report.docx)."
    assert not (moodle / "grades.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--grades", "g.csv"), "--grades fills in a file of your LMS: give it with --roster."),
        (("--roster", "r.csv", "--grades", "g.csv"), "--grades needs points"),
        (("--lms", "canvas"), "has nothing of the shape of Canvas's files"),
        (("--lms", "x"), "it must be one of gradescope"),
    ],
)
def test_a_mistake_about_a_class_runs_nothing(moodle: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = command("batch", moodle / "moodle.zip", *arguments, "--url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert sentence in done.stderr


def test_the_students_and_the_teacher_are_mailed(running: Up, moodle: Path) -> None:
    with zipfile.ZipFile(moodle / "moodle.zip", "a") as archive:
        archive.writestr("Bob_3_assignsubmission_file/again.py", "print(1)")
    options_of_mails = ("--mail-students", "--email", "teacher@example.com", "--digest")
    done = command(*options(moodle, running.url), *options_of_mails)
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert [rows[number]["email"] for number in "123"] == [f"{name}@example.com" for name in "ABC"], done.stderr

    expected = sorted(["A@example.com", "B@example.com", "C@example.com", "teacher@example.com"])

    def recipients() -> list[str]:
        files = (running.data_dir / "outbox").glob("*.eml")
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return sorted(to for mail in mails if (to := str(mail["To"])) in expected)

    eventually_sync(lambda: recipients() == expected, what="all are mailed")


def test_the_sources_of_a_class_are_written_for_others(running: Up, tmp_path: Path) -> None:
    with Client(running.url) as client:
        names = ["Ada/../x", "ADA/../x", "..", "=1+1", "é" * 80, "Zoë", "Zoe\u0308"]
        bodies: Any = [{"language": "py", "source": "1", "metadata": {"name": name}} for name in names]
        bodies.append({"language": "py", "files": {"a.py": "1", "b/c.py": b"\xff"}, "entry": "a.py"})
        batch = client.create_batch(bodies)
    done = command("sources", str(batch.id), tmp_path / "out", "--url", running.url)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out/info.csv").read_text().splitlines()))
    last = str(batch.submissions[-1])
    folders = ["Ada_.._x", "ADA_.._x (2)", "_", "'=1+1", "é" * 50, "Zoë", "Zoe\u0308 (2)", last]
    assert [row["filename"].partition("/")[0] for row in rows] == folders
    assert all((tmp_path / "out" / row["filename"]).read_text() == "1" for row in rows)
    assert (tmp_path / "out" / last / "b/c.py").read_bytes() == b"\xff"
    (tmp_path / "file").touch()
    refused = command("sources", str(batch.id), tmp_path / "file/out", "--url", running.url)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "file/out/Ada_.._x cannot be made: Not a directory." in refused.stderr
    again = command("sources", str(batch.id), tmp_path / "out", "--url", running.url)
    assert again.returncode == 2
    assert "is not empty" in again.stderr
