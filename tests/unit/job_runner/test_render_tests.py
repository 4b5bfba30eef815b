"""The mail of a run with tests."""

from html.parser import HTMLParser
from uuid import UUID

from job_runner.claim import ClaimedJob
from job_runner.emails.render import RenderedEmail, render
from job_runner.outcome import Details, TestOutcome, decide
from shared.codex import RunResponse, Verdict

JOB = ClaimedJob(7, 42, "someone@example.com", "{}", UUID(int=1), 1, UUID(int=2))


def rendered(*tests: TestOutcome, verdict: Verdict, error: str = "") -> RenderedEmail:
    answer = RunResponse(timeStamp=1, status=200, verdict=verdict, error=error)
    outcome = decide(answer, Details(None, None, tests=tests))
    return render(JOB, outcome, filelink=None, domain="example.com")


def cells(html: str) -> list[str]:
    texts: list[str] = []

    class Cells(HTMLParser):
        def handle_data(self, data: str) -> None:
            if self.lasttag in ("td", "th") and data.strip():
                texts.append(data.strip())

    Cells().feed(html.split("<table", 1)[1].split("</table>")[0])
    return texts


def test_the_mail_has_a_table_of_the_tests_with_their_points() -> None:
    email = rendered(
        TestOutcome("first", False, 2.5, Verdict.ACCEPTED, 0.25),
        TestOutcome("<b>second</b>", True, 1, Verdict.WRONG_ANSWER, 0.125),
        TestOutcome("3", False, 6),
        verdict=Verdict.WRONG_ANSWER,
    )
    assert email.subject == "1 of 3 tests passed: code request 42"
    assert email.message_id == f"<precieux.{UUID(int=1)}@example.com>"
    lines = email.text.splitlines()
    assert "Your code request 42 was run. 1 of 3 tests passed. Points: 2.5 of 9.5." in lines
    table = [line.split("  ") for line in lines[4:8]]
    assert [[cell.strip() for cell in row if cell] for row in table] == [
        ["test", "verdict", "points", "CPU time"],
        ["first", "accepted", "2.5 of 2.5", "0.250 s"],
        # The mail shows nothing else of a hidden test.
        ["<b>second</b>", "wrong_answer", "0 of 1"],
        ["3", "not run", "0 of 6"],
    ]
    assert "<b>" not in email.html
    assert cells(email.html) == [cell.strip() for row in table for cell in row if cell.strip()]


def test_a_compile_error_is_shown_once() -> None:
    email = rendered(TestOutcome("1", False, 1), verdict=Verdict.COMPILE_ERROR, error="main.c:1: <error>\x1b[31m")
    assert email.subject == "0 of 1 tests passed: code request 42"
    assert email.text.count("main.c:1: <error>") == 1
    assert "\x1b" not in email.text + email.html
    assert "main.c:1: &lt;error&gt;" in email.html


def test_a_name_breaks_neither_the_table_nor_the_subject() -> None:
    email = rendered(TestOutcome("a\nb\u2028c\x07", False, 1e-9, Verdict.OK, 0.1), verdict=Verdict.OK)
    assert email.subject == "1 of 1 tests passed: code request 42"
    assert [line for line in email.text.splitlines() if line.startswith("a")] == [
        "a b c\N{REPLACEMENT CHARACTER}  ok         0 of 0    0.100 s"
    ]
