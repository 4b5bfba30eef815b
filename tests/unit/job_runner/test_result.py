"""The content of the mail about a run: both parts of API v1's mails, and the HTML part of the classic ones."""

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

import pytest

from job_runner.emails.render import render
from job_runner.emails.rendering import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import Details, FailedTest, Outcome, TestOutcome, decide, give_up
from shared.engine.codex import RunResponse, Verdict
from shared.engine.run_call import ProgramLimits
from shared.messages.translations import translations
from shared.messages.verdict_texts import EXPLANATIONS, LABELS
from tests.factories import BRANDING

JOB = ClaimedJob(
    7,
    42,
    "someone@example.com",
    None,
    UUID(int=1),
    1,
    UUID(int=2),
    filename="main.py",
    requested_at=datetime(2026, 1, 31, 12, 5, tzinfo=UTC),
    is_classic=False,
    language="py",
)
LINK = "http://example.com/files/x"
LIMITS = ProgramLimits(cpu_s=10, memory_bytes=64 << 20)


def rendered(outcome: Outcome, job: ClaimedJob = JOB, link: str | None = LINK) -> RenderedEmail:
    return render(job, outcome, BRANDING, filelink=link, output_key="results/7.txt")


def answer(verdict: Verdict | None = Verdict.OK, **fields: object) -> RunResponse:
    values = {"timeStamp": 1672439982964, "status": 200, "language": "py", "info": "Python 3.13\nmore"}
    return RunResponse.model_validate({**values, "verdict": verdict, **fields})


def with_tests(*tests: TestOutcome, verdict: Verdict, failed: FailedTest | None = None, **fields: object) -> Outcome:
    return decide(answer(verdict, **fields), Details(None, None, tests=tests, failed=failed))


class Shown(HTMLParser):
    """The texts of an HTML part, each with the names of the elements around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self.open:
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def within(self, tag: str) -> list[str]:
        return [text for element, text in self.texts if element == tag]


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.INTERNAL_ERROR])
@pytest.mark.parametrize("locale", ["en", "fa"])
def test_the_verdict_is_a_word_and_a_sentence(verdict: Verdict, locale: str) -> None:
    email = rendered(decide(answer(verdict, error="boom")), replace(JOB, locale=locale))
    label, sentence = (translations(locale).gettext(texts[verdict]) for texts in (LABELS, EXPLANATIONS))
    assert Shown(email.html).within("h1") == [label]
    assert sentence in Shown(email.html).within("p")
    assert email.text.splitlines()[1:4] == [label, "=" * len(label), sentence]


def test_both_parts_say_what_was_run_and_when() -> None:
    email = rendered(decide(answer(time_s=0.25, memory_bytes=3 << 19, exit_code=0), Details("", None, limits=LIMITS)))
    for part in (email.text, email.html):
        for text in (
            "main.py",
            "Python 3.13",
            "31 January 2026, 12:05 UTC",
            "30 December 2022, 22:39 UTC",
            "0.25 s of 10 s",
            "1.5 MiB of 64 MiB",
        ):
            assert text in part
        assert "more" not in part


def test_a_second_run_says_so() -> None:
    assert "\nRun number: 2\n" in rendered(decide(answer()), replace(JOB, number=2)).text
    assert "\nRun number: " not in rendered(decide(answer())).text


def test_compile_errors_come_alone() -> None:
    error = "main.c:1: <error>\x1b[31m"
    outcome = decide(answer(Verdict.COMPILE_ERROR, error=error), Details("", error))
    email = rendered(outcome, link=None)
    assert Shown(email.html).within("pre") == ["main.c:1: <error>\N{REPLACEMENT CHARACTER}[31m"]
    assert email.text.count("main.c:1: <error>") == 1
    assert "Output" not in email.text


def test_errors_come_first_if_it_failed() -> None:
    failed = rendered(decide(answer(Verdict.RUNTIME_ERROR, output="out", error="boom")))
    assert Shown(failed.html).within("pre") == ["boom", "out"]
    fine = rendered(decide(answer(Verdict.OK, output="out", error="note"), Details("note", "a warning")))
    assert Shown(fine.html).within("pre") == ["out", "note", "a warning"]
    assert fine.text.index("    out") < fine.text.index("    note") < fine.text.index("    a warning")


def test_the_engines_reason_is_in_the_language_of_the_mail() -> None:
    outcome = decide(answer(Verdict.RUNTIME_ERROR, error="Exited with code 3.\nboom"))
    assert Shown(rendered(outcome).html).within("pre") == ["Exited with code 3.\nboom"]
    [shown] = Shown(rendered(outcome, replace(JOB, locale="fa")).html).within("pre")
    assert "۳" in shown
    assert shown.endswith("\nboom")


def test_a_program_that_prints_nothing_says_so() -> None:
    email = rendered(decide(answer()))
    assert "The program printed nothing." in email.text
    assert Shown(email.html).within("pre") == []


def test_a_long_output_is_cut_and_attached() -> None:
    email = rendered(decide(answer(output="".join(f"line {number}\n" for number in range(1, 201)))))
    for part in (email.text, email.html):
        assert "line 50" in part
        assert "line 51" not in part
        assert "These are the first 50 of 200 lines. The whole output is attached as a file." in part
        assert LINK in part
    [file] = email.attachments
    assert (file.filename, file.key) == ("main-output.txt", "results/7.txt")


def test_an_output_is_attached_unless_it_is_too_long() -> None:
    short = rendered(decide(answer(output="42\n")))
    assert [file.filename for file in short.attachments] == ["main-output.txt"]
    assert "The whole output is attached as a file." in short.text
    for output in ("", "x" * 300_000):
        email = rendered(decide(answer(output=output)))
        assert email.attachments == ()
        assert "attached" not in email.text


def test_a_classic_mail_has_a_file_only_for_what_it_cuts() -> None:
    classic = replace(JOB, is_classic=True)
    assert rendered(decide(answer(output="42\n")), classic).attachments == ()
    assert rendered(decide(answer(output="42\x07\n")), classic).attachments != ()
    assert rendered(decide(answer(output="x" * 300_000)), classic).attachments == ()


TESTS = (
    TestOutcome("first", False, 2.5, Verdict.ACCEPTED, 0.25, 3 << 20, LIMITS),
    TestOutcome("<b>second</b>", True, 1, Verdict.WRONG_ANSWER, 0.125, 3 << 20, LIMITS),
    TestOutcome("3", False, 6),
)


def test_a_table_has_the_tests_with_their_points_and_limits() -> None:
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER))
    assert email.subject == "1 of 3 tests passed: code request 42"
    assert email.message_id == f"<precieux.{UUID(int=1)}@example.com>"
    lines = email.text.splitlines()
    assert "Points: 2.5 of 9.5" in lines
    table = lines.index("Tests")
    assert lines[table + 2 : table + 5] == [
        "first: Accepted (2.5 of 2.5; 0.25 s of 10 s; 3 MiB of 64 MiB)",
        # The mail shows only this of a hidden test.
        "<b>second</b>: Wrong answer (0 of 1)",
        "3: Not run (0 of 6)",
    ]
    shown = Shown(email.html)
    assert shown.within("th")[:3] == ["Test", "Result", "Points"]
    cells = [text for tag, text in shown.texts if tag in ("td", "span")]
    first = cells.index("first")
    assert cells[first : first + 5] == ["first", "0.25 s of 10 s", "3 MiB of 64 MiB", "Accepted", "2.5 of 2.5"]
    assert cells[first + 5 : first + 8] == ["<b>second</b>", "Wrong answer", "0 of 1"]


def test_a_failed_test_shows_its_difference_and_input() -> None:
    failed = FailedTest("large <numbers>", "1000000\n", "line 1: expected 3, got 4", "")
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER, failed=failed))
    assert Shown(email.html).within("pre") == ["line 1: expected 3, got 4", "1000000"]
    assert "Test large <numbers>" in Shown(email.html).within("h2")
    assert "    line 1: expected 3, got 4" in email.text


def test_a_compile_error_of_tests_is_shown_once() -> None:
    email = rendered(with_tests(TestOutcome("1", False, 1), verdict=Verdict.COMPILE_ERROR, error="main.c:1: <error>"))
    assert email.subject == "0 of 1 test passed: code request 42"
    assert email.text.count("main.c:1: <error>") == 1
    assert Shown(email.html).within("pre") == ["main.c:1: <error>"]


def test_a_name_breaks_neither_the_table_nor_the_subject() -> None:
    name = "a\nb\u2028c\x07\u202e"
    email = rendered(with_tests(TestOutcome(name, False, 1e-9, Verdict.OK, 0.1), verdict=Verdict.OK))
    assert email.subject == "1 of 1 test passed: code request 42"
    assert "a b c\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}: Ran to its end (0 of 0; 0.1 s)" in email.text


@pytest.mark.parametrize(("is_ours", "sentence"), [(True, "our fault"), (False, None)])
def test_what_could_not_be_run_says_why_and_what_helps(is_ours: bool, sentence: str | None) -> None:
    email = rendered(give_up("the <engine> is gone", is_ours=is_ours), link=None)
    assert email.subject == "Code could not be run - 42"
    assert Shown(email.html).within("pre") == ["the <engine> is gone"]
    for part in (email.text, email.html):
        assert "You may request it again." in part
        assert ("our fault" in part) == is_ours


def test_a_classic_mail_has_the_new_html() -> None:
    email = rendered(decide(answer(output="42\n")), replace(JOB, is_classic=True))
    assert Shown(email.html).within("h1") == ["Ran to its end"]
    assert email.text.startswith("Hi,\n\nYour code request successed!\n")


def test_persian_has_its_digits_and_code_its_own() -> None:
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER), replace(JOB, locale="fa"))
    assert email.subject.startswith("۱ از ۳ آزمون موفق بود")
    assert 'lang="fa" dir="rtl"' in email.html
    for part in (email.text, email.html):
        assert "۰٫۲۵ ثانیه از ۱۰ ثانیه" in part
        assert "Python 3.13" in part
        assert "Accepted" not in part
    assert '<span dir="ltr">main.py</span>' in email.html


@pytest.mark.parametrize(
    ("output", "direction"),
    [("abc 1\n", "ltr"), ("نام  نمره\nآرش 18\n", "rtl"), ("name نام and more\n", "ltr"), ("۱۲۳\n", "ltr")],
)
def test_an_output_has_one_direction(output: str, direction: str) -> None:
    assert f'dir="{direction}"' in rendered(decide(answer(output=output))).html.split("<pre")[1].split(">")[0]


def test_the_html_has_no_foreign_host_and_no_image() -> None:
    html = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER)).html
    assert "<img" not in html
    assert "url(" not in html
    assert {part.split("/")[2].split('"')[0] for part in html.split('="http')[1:]} <= {"api", "example.com"}
