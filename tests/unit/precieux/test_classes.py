"""What systems export, which file of it runs, and what becomes of their files of grades."""
# ruff: noqa: E501  (a line for each file)

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from precieux.classes.choose import NotRun, program_of
from precieux.classes.grades import Gradebook, Mark
from precieux.classes.rosters import folded, match, read_roster
from precieux.classes.sources import gradescope
from precieux.classes.sources.find import opened, recognise
from precieux.classes.sources.work import Export, ExportEntry, Work, one
from precieux.classes.table import Table
from precieux.classes.tree import TreeFile
from precieux.errors import UsageError


def zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return packed.getvalue()


#: By the system: an export, and the people's ids with what runs, or why nothing does.
EXPORTS: dict[str, tuple[dict[str, bytes], dict[str, str]]] = {
    "moodle": (
        {
            "Zoë Ängström_12_assignsubmission_file/report.docx": b"x",
            "علی رضایی_13_assignsubmission_file_/main.py": b"print(1)",
            "علی رضایی_13_assignsubmission_file_/helper.py": b"x = 1",
            "Bob_14_assignsubmission_onlinetext/onlinetext.html": b"<p>print(1)</p>",
            "李雷_15_assignsubmission_file/p.zip": zipped({"in/y.py": b"1", "__MACOSX/._y.py": b"2", "in/z.zip": b"3"}),
            "Eve_16_assignsubmission_file_squares (1).PY": b"\xef\xbb\xbfprint(1)\r\n",
            "Flo_17_assignsubmission_file/": b"",
            "__MACOSX/._Eve": b"",
        },
        {
            "12": "there is no program in it (report.docx).",
            "13": "main.py",
            "14": "it is an online text; --language says of which language.",
            "15": "y.py",
            "16": "squares (1).PY",
            "17": "the submission is empty.",
        },
    ),
    "canvas": (
        {
            "lovelaceada_LATE_55_66_Main-1.java": b"class Main {}",
            "obrien_57_text.html": b"print(1)",
            "carl_LATE_58_9_x.py": b"",
            "anon_x1Y_77_a.py": b"1",
            "dan_59_link.html": b"x",
            "eva_60_1_a-1.py": b"import b",
            "eva_60_2_a-2.py": b"import c",
            "eva_60_3_c.rar": b"1",
        },
        {
            "55": "Main.java",
            "57": "it is an online text; --language says of which language.",
            "58": "the submission is empty.",
            "anon_x1Y": "a.py",
            "59": "it is a link, and no file.",
            "60": "it is not clear which file is the program (a-1.py, a-2.py); --entry says it.",
        },
    ),
    "gradescope": (
        {
            "assignment/submission_metadata.yml": b"submission_1:\n  :submitters:\n  - :name: Ada\n    :sid: '001'\n"
            b"  - :name: Bob\n    :email: b@example.com\n  :created_at: 2022-09-13 18:48:10.0 Z\n  :x: !ruby/object:A {}\n",
            "assignment/submission_1/a.py": b"import helper",
            "assignment/submission_1/helper.py": b"1",
        },
        {"001": "a.py", "b@example.com": "a.py"},
    ),
    "blackboard": (
        {
            "Sq_1_ada_l_attempt_2026-01-01-10-00-00.txt": b"Name: Ada L (ada_l)\n",
            "Sq_1_ada_l_attempt_2026-01-01-10-00-00_old.py": b"1",
            "Sq_1_ada_l_attempt_2026-01-02-10-00-00_new.c": b"1",
            "Sq_1_bob_attempt_2026-01-02-10-00-00.txt": b"Name: Bob (bob)\n",
        },
        {"ada_l": "new.c", "bob": "the submission is empty."},
    ),
    "github": (
        {"sum-ada/.git/HEAD": b"", "sum-ada/sum.py": b"1", "sum-a-b/.git/HEAD": b"", "sum-a-b/r.7z": b"1"},
        {"ada": "sum.py", "a-b": "r.7z is not opened; only zips are."},
    ),
    "github by names": (
        {"sum-Ada/sum.py": b"1", "sum-bob-c/a.rb": b"1"},
        {"Ada": "sum.py", "bob-c": "a.rb"},
    ),
    "folder": (
        {"class/ada.py": b"1", "class/bob/A.java": b"", "class/bob/B.java": b"public static void main(String[] a) {}"},
        {"ada.py": "ada.py", "bob": "B.java"},
    ),
}


@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize("packed", [True, False])
def test_an_export_is_recognised_and_its_programs_are_found(kind: str, packed: bool, tmp_path: Path) -> None:
    files, expected = EXPORTS[kind]
    source = tmp_path / "class.zip"
    source.write_bytes(zipped(files))
    if not packed:
        source = tmp_path / "class"
        for path, data in files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).mkdir(exist_ok=True) if path.endswith("/") else (source / path).write_bytes(data)
    with opened(source) as found:
        named, works = recognise(found, None, {"ada_l", "ada", "bob-c"}, source.name)
        chosen = {person.id: _chosen(work) for work in works for person in work.people}
    assert (named, chosen) == (kind.split()[0], expected)


@pytest.mark.parametrize(
    ("described", "person"),
    [
        (b"s: x", "s"),
        (b"s: {':submitters': x}", "s"),
        (b"s: {':submitters': [x]}", ""),
        (b"s: {':created_at': [x], ':submitters': [{':sid': [x], ':name': Ada}]}", "Ada"),
    ],
)
def test_a_hostile_description_of_submissions_has_only_texts(described: bytes, person: str) -> None:
    def entry(name: str, data: bytes, *, is_folder: bool = False) -> ExportEntry:
        return ExportEntry(name, {name: TreeFile(1, lambda: data)}, is_folder)

    file = entry("submission_metadata.yml", described)
    works, _ = gradescope.read(Export({file.name: file, "s": entry("s", b"1", is_folder=True)}))
    assert [(one.people[0].id, one.submitted) for one in works] == [(person, "")]
    assert gradescope.read(Export({file.name: replace(file, is_folder=True)})) == ([], 0)


def _chosen(work: Work, entry: str | None = None, language: str | None = None) -> str | None:
    try:
        return program_of(work, entry, language, 1 << 20).entry
    except NotRun as exc:
        return str(exc)


def work_of(files: Mapping[str, bytes]) -> Work:
    def file(data: bytes) -> TreeFile:
        return TreeFile(len(data), lambda: data)

    return Work(one("1", "Ada"), {path: file(data) for path, data in files.items()})


@pytest.mark.parametrize(
    ("files", "entry", "expected"),
    [
        ({"a.py": b"1", "x/a.py": b"1"}, "A.PY", "a.py"),
        ({"x/a.py": b"1", "y/a.py": b"1"}, "*.py", "two files fit --entry *.py (x/a.py, y/a.py)."),
        ({"x/a.py": b"1", "y/a.py": b"1"}, "y/*.py", "y/a.py"),
        ({"a.py": b"1"}, "main.py", "no file fits --entry main.py (a.py)."),
        ({"a.c": b'#include "b.h"', "b.c": b"1", "b.h": b"1"}, None, "a.c"),
        ({"a.js": b"require('./lib/b')", "b.js": b"1"}, None, "a.js"),
        ({f"{n}.txt": b"1" for n in range(5)}, None, "there is no program in it (0.txt, 1.txt, 2.txt and 2 more)."),
        ({"a.py": b"1" * (3 << 20)}, None, "its files have 3,145,728 bytes; the server takes 1,048,576."),
        ({"p.zip": b"PK"}, None, "p.zip cannot be opened: it is damaged, or no zip."),
        ({"p.zip": zipped({"../a.py": b"1"})}, None, "p.zip cannot be opened: its path '../a.py' leaves it."),
        ({"p.zip": zipped({f"{n}.py": b"1" for n in range(1001)})}, None, "p.zip cannot be opened: it has more than 1,000 files."),
        ({"p.zip": zipped({"a.py": bytes(21 << 20)})}, None, "p.zip cannot be opened: its files have more than 20,971,520 bytes."),
        ({"a.zip": zipped({"a.py": b"1"}), "b.zip": b""}, None, "it is not clear which file is the program (a.zip, b.zip); --entry says it."),
    ],
)  # fmt: skip
def test_one_file_runs_or_a_sentence_says_why_none(files: dict[str, bytes], entry: str | None, expected: str) -> None:
    assert _chosen(work_of(files), entry) == expected


def test_tags_that_are_not_closed_are_text_and_soon_read() -> None:
    """If each of them looked for its end, this would take minutes."""
    marked_up = b"<p>1</p>" + b"<" * 1_000_000
    program = program_of(Work(one("1", "Ada"), text=TreeFile(1, lambda: marked_up)), None, "py")
    assert program.files == {"main.py": b"1\n" + b"<" * 1_000_000}


def test_a_zip_whose_entry_says_a_false_size_is_one_students_fault() -> None:
    data = bytearray(zipped({"a.py": b"print(1)"}))
    data[data.index(b"PK\x01\x02") + 24] = 3
    assert _chosen(work_of({"p.zip": bytes(data)})) == "a.py cannot be opened: it is damaged."


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../x.py": b"1"}, "its path '../x.py' leaves it"),
        ({"/x.py": b"1"}, "its path '/x.py' leaves it"),
        ({f"s{n}/a.py": b"" for n in range(20)} | {"b": bytes(65 << 20)}, "as only a bomb's do"),
    ],
)
def test_an_export_that_may_not_be_opened_is_refused(files: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    source = tmp_path / "class.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    with pytest.raises(UsageError, match=r"class.zip cannot be opened") as refused, opened(source):
        pass
    assert reason in str(refused.value)


WORKSHEET = "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,Last modified (grade),Feedback comments"
GERMAN = (
    "ID;Vollständiger Name;E-Mail;Status;Bewertung;Höchste Bewertung;Änderbar;Abgabe;Bewertet;Feedback als Kommentar"
)
CANVAS = (
    "Student,ID,SIS Login ID,Section,Squares (11),Current Score\n,,,,Manual Posting,\n    Points Possible,,,,20.0,\n"
)
#: A roster, the system that it belongs to, the ids of who ran, and the roster with 3 of 4 points and a feedback.
ROSTERS = {
    "moodle": (f'\ufeff{WORKSHEET}\r\nParticipant 12,"Zoë, A",z@x.de,,,100.00,Yes,-,\r\n\r\nParticipant 13,=1+1,y@x.de,,,100.00,Yes,-,old'.encode(), "moodle",
        ["12"], f'\ufeff{WORKSHEET}\r\nParticipant 12,"Zoë, A",z@x.de,,75.00,100.00,Yes,-,"Good, ""1"""\r\n\r\nParticipant 13,=1+1,y@x.de,,,100.00,Yes,-,old'.encode()),
    "german": (f"{GERMAN}\nTeilnehmer/in12;Zoë;z@x.de;;1,00;10,00;Ja;-;-;\nTeilnehmer/in13;A\x81l;a@x.de;;;10,00;Ja;-;-;\n".encode("latin-1"), "moodle",
        ["12"], f'{GERMAN}\nTeilnehmer/in12;Zoë;z@x.de;;7,50;10,00;Ja;-;-;"Good, ""1"""\nTeilnehmer/in13;A\x81l;a@x.de;;;10,00;Ja;-;-;\n'.encode("latin-1")),
    "team": (f"{WORKSHEET},Group\nParticipant 1,A,a@x.de,,,8,Yes,-,,Red\nParticipant 2,B,b@x.de,,,8,Yes,-,,red\nParticipant 3,C,c@x.de,,,8,Yes,-,,Blue\n".encode(), "moodle",
        ["Red"], f'{WORKSHEET},Group\nParticipant 1,A,a@x.de,,6.00,8,Yes,-,"Good, ""1""",Red\nParticipant 2,B,b@x.de,,6.00,8,Yes,-,"Good, ""1""",red\nParticipant 3,C,c@x.de,,,8,Yes,-,,Blue\n'.encode()),
    "without feedback": (b"Identifier,Full name,Status,Grade\nParticipant 12,Ada,-,\n", "moodle",
        ["12"], b"Identifier,Full name,Status,Grade\nParticipant 12,Ada,-,3.00\n"),
    "canvas": (f'{CANVAS}"Lovelace, Ada",55,ada,1,,\n"Student, Test",9,t,1,,\n'.encode(), "canvas", ["55", "9"],
        f'{CANVAS}"Lovelace, Ada",55,ada,1,15.00,\n"Student, Test",9,t,1,,\n'.encode()),
    "blackboard": ('\ufeff"Last Name"\t"Username"\t"Sq [Total Pts: 10 Score] |7"\r\n"Ä"\t"ada"\t""\r\n'.encode("utf-16-le"), "blackboard", ["ada"],
        '\ufeff"Last Name"\t"Username"\t"Sq [Total Pts: 10 Score] |7"\r\n"Ä"\t"ada"\t7.50\r\n'.encode("utf-16-le")),
    "classroom": (b"assignment_name,github_username,student_repository_name,points_awarded,points_available\rs,ada,sum-ada,0,10\r", "github", ["ada"],
        b"assignment_name,github_username,student_repository_name,points_awarded,points_available\rs,ada,sum-ada,7.50,10\r"),
    "other": (b"name,sid,email\nAda,7,a@x.de\nBob,8\nCyd,9,c@x.de\nDan,9,d@x.de", "folder", ["7"],
        b'name,sid,email,Grade,Feedback\nAda,7,a@x.de,3.00,"Good, ""1"""\nBob,8\nCyd,9,c@x.de\nDan,9,d@x.de'),
    "o’brien": ("first,last\nD,O’Brien\n".encode(), "folder", ["d o'brien"], 'first,last,Grade,Feedback\nD,O’Brien,3.00,"Good, ""1"""\n'.encode()),
}  # fmt: skip


def _gradebook(data: bytes, source: str, ids: list[str]) -> tuple[bytes, list[str]]:
    roster = read_roster(Table("class.csv", data), source)
    book = Gradebook(roster, None, None, None)
    rows = match(roster, source, [Work(one(each, each)) for each in ids])
    return book.filled({row: Mark(3.0, 4.0, 'Good, "1"') for row in rows}), roster.faults


@pytest.mark.parametrize("name", ROSTERS)
def test_only_the_cells_of_grades_and_feedback_change(name: str) -> None:
    data, source, ids, expected = ROSTERS[name]
    filled, faults = _gradebook(data, source, ids)
    assert filled == expected
    assert len(faults) == (3 if name == "other" else 0)
    assert _gradebook(data, source, [])[0] == data


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\3\4", "class.csv is no CSV: save it as CSV (UTF-8)."),
        (b"\n\n", "class.csv is no CSV: save it as CSV (UTF-8)."),
        (b'a,b\n1,2\n"3', "class.csv, line 3: the quote is not closed."),
        (b"Student,ID,A (1),B (2)\nAda,1,,\n", "class.csv has 2 assignments (A (1), B (2)): name one with --grade-column."),
        (b"Student,ID\nAda,1\n", "class.csv has no column for grades: --grade-column names it."),
        (b"Identifier,Status,Grade,Scale\nParticipant 1,,,Bad\n", "class.csv grades by a scale; only numbers are written. Use --output."),
    ],
)  # fmt: skip
def test_a_roster_that_takes_no_grades_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        _gradebook(data, "folder", [])
    assert str(refused.value) == sentence


def test_a_row_that_two_submissions_fit_gets_no_grade() -> None:
    data = b"username,email\nada,a@x.de\n"
    filled, faults = _gradebook(data, "folder", ["ada", "a@x.de"])
    assert filled == data
    assert faults == ["class.csv, line 2: ada and a@x.de fit it, so it gets no grade."]
    assert folded("É") == folded("É")
