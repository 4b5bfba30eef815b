"""The mail about a batch: a table of its submissions, safe to read."""

import csv
import io
from dataclasses import replace

import pytest

from job_runner.emails.texts.digest import MAX_ROWS, Line, as_csv, render_digest
from job_runner.emails.texts.templating import PALETTE, RenderedEmail
from tests.factories import BRANDING

PAGE = "https://judge.example.edu/pages/1?signature=x&expires=2"
GOOD = Line(1, "main.py", "py", "accepted", PAGE, 3, 3)
BAD = Line(22, "src/main.cpp", "cpp", "wrong_answer", PAGE, 3, 1.5)


def rendered(*lines: Line, locale: str = "en", recipient: str = "A@example.com") -> RenderedEmail:
    return render_digest(5, lines, BRANDING, recipient=recipient, locale=locale)


def rows(mail: RenderedEmail) -> list[list[str]]:
    """Return the table of the attached file."""
    [file] = mail.attachments
    assert (file.filename, file.content_type) == ("batch-5.csv", "text/csv; charset=utf-8")
    assert file.text is not None
    return list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))


def test_the_text_has_a_paragraph_for_each() -> None:
    assert rendered(GOOD, BAD).text == (
        "1 of 2 submissions succeeded\n"
        "============================\n"
        "This batch has finished. Your submissions are below.\n\n"
        f"1. main.py (Python): Accepted, 3 of 3\n{PAGE}\n\n"
        f"22. src/main.cpp (C++): Wrong answer, 1.5 of 3\n{PAGE}\n\n"
        "These links work for a week.\n"
        "The attached file has the whole table.\n"
    )


def test_there_is_no_column_of_points_without_tests() -> None:
    mail = rendered(Line(1, "main.py", "py", "ok", PAGE), Line(2, "main.py", "py", "cancelled", PAGE))
    assert "Points" not in mail.text + mail.html
    assert "Cancelled" in mail.text


def test_each_submission_has_a_link_to_its_page() -> None:
    mail = rendered(GOOD)
    assert 'href="https://judge.example.edu/pages/1?signature=x&amp;expires=2"' in mail.html
    assert "Click a name" in mail.html
    assert "Click" not in mail.text


def test_the_attached_table_has_every_submission() -> None:
    lines = [GOOD, *[BAD] * MAX_ROWS]
    mail = rendered(*lines)
    assert len(rows(mail)) == len(lines) + 1
    assert rows(mail)[:2] == [
        ["submission", "file", "language", "result", "points_awarded", "points", "page"],
        ["1", "main.py", "py", "accepted", "3", "3", PAGE],
    ]
    assert mail.html.count("<tr>") == MAX_ROWS + 3  # two of the frame, and the headings
    # Those that did not end well are those to look at.
    assert "main.py" not in mail.text
    assert "1 more are only in the attached file." in mail.text


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", '=HYPERLINK("http://x","y")']
)
def test_no_name_becomes_a_formula_of_a_spreadsheet(name: str) -> None:
    [_, [_, file, *_]] = csv.reader(io.StringIO(as_csv([Line(1, name, name, "ok", PAGE)])))
    assert file.startswith("'")


def test_the_subject_has_the_count_and_the_problem_and_no_file() -> None:
    line = Line(1, "a\r\nBcc: x@example.com", "py", "ok", PAGE)
    assert rendered(line).subject == "Batch 5: 1 of 1 submission succeeded"
    task = replace(line, problem="sum@3")
    assert rendered(task, replace(BAD, problem="sum@3")).subject == "Batch 5 for sum@3: 1 of 2 submissions succeeded"
    assert rendered(task, BAD).subject == "Batch 5: 1 of 2 submissions succeeded"


def test_an_address_has_one_message_id_for_a_batch() -> None:
    assert rendered(GOOD).message_id == rendered(BAD, recipient="a@EXAMPLE.com").message_id
    assert rendered(GOOD).message_id != rendered(GOOD, recipient="b@example.com").message_id


def test_persian_reads_from_right_to_left() -> None:
    mail = rendered(GOOD, locale="fa")
    assert 'lang="fa" dir="rtl"' in mail.html
    assert "دستهٔ ۵" in mail.subject
    assert rendered(GOOD, locale="xx").subject == "Batch 5: 1 of 1 submission succeeded"


class TestJudgeErrors:
    """They are no failures of programs."""

    UNJUDGED = Line(3, "c.py", "py", "judge_error", PAGE, 3, None)

    def test_they_are_counted_by_themselves(self) -> None:
        mail = rendered(GOOD, self.UNJUDGED, BAD)
        assert "1 of 3 submissions succeeded" in mail.text
        assert "The judge failed for 1 submission, which is no fault of the program." in mail.text
        assert f"3. c.py (Python): Could not be judged\n{PAGE}\n" in mail.text
        assert "judge failed" not in rendered(GOOD, BAD).text
        persian = rendered(self.UNJUDGED, replace(self.UNJUDGED, id=4), locale="fa").text
        assert "داور برای ۲ برنامه از کار افتاد" in persian

    def test_they_are_not_red(self) -> None:
        bad, _ = PALETTE["bad"]
        assert bad not in rendered(GOOD, self.UNJUDGED).html.partition("<body")[2]
        assert bad in rendered(self.UNJUDGED, BAD).html.partition("<body")[2]

    def test_their_points_are_not_known(self) -> None:
        table = list(csv.reader(io.StringIO(as_csv([self.UNJUDGED, replace(GOOD, points_awarded=12.333333)]))))
        assert [row[4:6] for row in table[1:]] == [["", "3"], ["12.333333", "3"]]
