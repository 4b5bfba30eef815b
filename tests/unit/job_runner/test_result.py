"""The content of the mail about a run: both parts of API v1's mails, and the HTML part of the classic ones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

import pytest

from job_runner.emails.texts.result_mail import render
from job_runner.emails.texts.templating import PALETTE, RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import Details, FailedTest, Outcome, StoredFiles, TestOutcome, decide, give_up
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.limits import ProgramLimits
from shared.records.messages.translations import translations
from shared.records.messages.verdict_texts import EXPLANATIONS, LABELS
from tests.factories import BRANDING, claimed_job, engine_answer

JOB = claimed_job(filename="main.py", requested_at=datetime(2026, 1, 31, 12, 5, tzinfo=UTC))
LINK = "http://example.com/files/x"
LIMITS = ProgramLimits(cpu_s=10, memory_bytes=64 << 20)


def rendered(outcome: Outcome, job: ClaimedJob = JOB, link: str | None = LINK) -> RenderedEmail:
    return render(job, outcome, BRANDING, StoredFiles("results/7.txt", link))


def with_tests(*tests: TestOutcome, verdict: Verdict, failed: Sequence[FailedTest] = (), **fields: object) -> Outcome:
    return decide(engine_answer(verdict, **fields), Details(None, None, tests=tests, failed=failed))


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
    email = rendered(decide(engine_answer(verdict, error="boom")), replace(JOB, locale=locale))
    label, sentence = (translations(locale).gettext(texts.get(verdict, "")) for texts in (LABELS, EXPLANATIONS))
    assert Shown(email.html).within("h1") == [label]
    assert verdict is Verdict.OK or sentence in Shown(email.html).within("p")
    assert email.text.splitlines()[1:4] == [label, "=" * len(label), "" if verdict is Verdict.OK else sentence]


@pytest.mark.parametrize(
    ("verdict", "file", "locale", "subject"),
    [
        (Verdict.RUNTIME_ERROR, "average.py", "fa", "\u2068average.py\u2069: خطای زمان اجرا (شمارهٔ ۴۲)"),
        (Verdict.TIME_LIMIT, "src/a\nb\u202e.c", "en", "a_b_.c: time limit exceeded (#42)"),
        (Verdict.OK, f"src/You won! http://x.example/{'y' * 50}.py", "en", f"{'y' * 37}.py: finished (#42)"),
        (Verdict.JUDGE_ERROR, "a.py", "en", "a.py: could not be judged (#42)"),
        (Verdict.COMPILE_ERROR, None, "en", "Submission 42: compile error"),
        (None, "a.py", "en", "a.py: finished (#42)"),
    ],
)
def test_the_subject_has_the_file_and_the_verdict(
    verdict: Verdict | None, file: str | None, locale: str, subject: str
) -> None:
    email = rendered(decide(engine_answer(verdict)), replace(JOB, filename=file, locale=locale))
    assert email.subject == subject
    assert f"<title>{subject}</title>" in email.html


def test_a_second_run_says_so() -> None:
    assert "\nRun number: 2\n" in rendered(decide(engine_answer()), replace(JOB, number=2)).text
    assert "\nRun number: " not in rendered(decide(engine_answer())).text


def test_errors_come_first_if_it_failed() -> None:
    failed = rendered(decide(engine_answer(Verdict.RUNTIME_ERROR, output="out", error="boom")))
    assert Shown(failed.html).within("pre") == ["boom", "out"]
    fine = rendered(decide(engine_answer(Verdict.OK, output="out", error="note"), Details("note", "a warning")))
    assert Shown(fine.html).within("pre") == ["out", "note", "a warning"]
    assert fine.text.index("    out") < fine.text.index("    note") < fine.text.index("    a warning")


@pytest.mark.parametrize(
    ("verdict", "error", "sentence", "persian"),
    [
        (Verdict.RUNTIME_ERROR, "Killed by signal 11 (Segmentation fault).", "Segmentation fault (signal 11).", "۱۱"),
        (
            Verdict.TIME_LIMIT,
            "Time limit exceeded: stopped after 1.5 s of CPU time.",
            "Stopped after 1.5 s of CPU time.",
            "۱٫۵ ثانیه",
        ),
        (
            Verdict.COMPILE_ERROR,
            "Compilation: Time limit exceeded: stopped after 9 s.",
            "Stopped after 9 s.",
            "۹ ثانیه",
        ),
    ],
)
def test_the_engines_reason_is_a_sentence_that_wraps(verdict: Verdict, error: str, sentence: str, persian: str) -> None:
    outcome = decide(engine_answer(verdict, error=f"{error}\nboom"))
    shown = Shown(rendered(outcome).html)
    assert shown.within("pre") == ["boom"]
    assert sentence in shown.within("p")
    shown = Shown(rendered(outcome, replace(JOB, locale="fa")).html)
    assert shown.within("pre") == ["boom"]
    assert any(persian in text for text in shown.within("p"))


def test_what_a_program_writes_is_no_reason_of_the_engines() -> None:
    error = "Killed by signal 9 (Killed)."
    outcome = decide(engine_answer(Verdict.RUNTIME_ERROR, error=error), Details(error, None))
    assert Shown(rendered(outcome).html).within("pre") == [error]


@pytest.mark.parametrize(
    ("stderr", "heading"),
    [
        (
            '  File "main.py", line 7\n  File "main.py", line 2, in f\nZeroDivisionError: x\n',
            "ZeroDivisionError, line 2",
        ),
        (
            'Exception in thread "main" java.lang.ArithmeticException: / by zero\n\tat Main.main(main.py:3)\n',
            "ArithmeticException, line 3",
        ),
        ("/box/work/other.js:2\n\nReferenceError: x is not defined\n", "ReferenceError"),
        ("a.b.MyException\n" + "at f\n" * 9_000, "MyException"),
        ("panic: it stopped\n", None),
        ("<b>Error: x\n", None),
    ],
)
def test_the_heading_of_a_crash_names_the_error(stderr: str, heading: str | None) -> None:
    email = rendered(decide(engine_answer(Verdict.RUNTIME_ERROR, error=stderr), Details(stderr, None)))
    assert Shown(email.html).within("h1") == ["Runtime error" if heading is None else f"Runtime error: {heading}"]
    assert ("The program ended with an error." in email.text) == (heading is None)


@pytest.mark.parametrize(
    ("language", "info", "name"),
    [
        ("py", "Python 3.13.5\n", "Python 3.13.5"),
        ("java", 'openjdk version "21.0.5" 2024-10-15', "Java (openjdk 21.0.5)"),
        ("js", "v20.19.2", "JavaScript (Node.js 20.19.2)"),
        ("bash", "GNU bash, version 5.2.37(1)-release", "Bash 5.2.37"),
        ("clang", "Debian clang version 19.1.7 (3)", "C (Clang 19.1.7)"),
        ("bf", "beef", "Brainfuck (beef)"),
        ("py", "", "Python"),
    ],
)
def test_a_version_is_written_as_people_write_it(language: str, info: str, name: str) -> None:
    assert f"\nLanguage: {name}\n" in rendered(decide(engine_answer(language=language, info=info))).text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("/usr/bin/g++ -pipe -I/headers/f00 -std=c++20 -O2 -o main src/main.cpp", "g++ -std=c++20 -O2 src/main.cpp"),
        ("/usr/lib/jvm/x/bin/javac -J-Xshare:auto -encoding UTF-8 -proc:none -cp . -d . Main.java", "javac Main.java"),
        ("/usr/bin/go build -pkgdir=/runtimes/f00/std -o main main.go", "go build main.go"),
    ],
)
def test_a_command_is_written_as_people_write_it(words: str, shown: str) -> None:
    assert f"\nCompiled by: {shown}\n" in rendered(decide(engine_answer(compile=words))).text


def test_a_program_that_prints_nothing_says_so() -> None:
    email = rendered(decide(engine_answer()))
    assert "The program printed nothing." in email.text
    assert Shown(email.html).within("pre") == []


def test_a_long_output_is_cut_and_attached() -> None:
    email = rendered(decide(engine_answer(output="".join(f"line {number}\n" for number in range(1, 201)))))
    for part in (email.text, email.html):
        assert "line 50" in part
        assert "line 51" not in part
        assert "These are the first 50 of 200 lines. The whole output is attached as a file." in part
        assert LINK in part
    [file] = email.attachments
    assert (file.filename, file.key) == ("main-output.txt", "results/7.txt")
    blank = rendered(decide(engine_answer(output="\n" * 51)))
    assert "These are the first 50 of 51 lines." in blank.text
    kept = rendered(decide(engine_answer(output="42\n", truncated=True)))
    assert "Only the first part of the output was kept. It is attached as a file." in kept.text


def test_an_output_is_attached_unless_it_is_too_long() -> None:
    short = rendered(decide(engine_answer(output="42\n")))
    assert [(file.filename, file.text, file.key) for file in short.attachments] == [("main-output.txt", "42\n", None)]
    assert "The whole output is attached as a file." in short.text
    for output in ("", "x" * 300_000):
        email = rendered(decide(engine_answer(output=output)))
        assert email.attachments == ()
        assert "attached" not in email.text


def test_a_classic_mail_has_a_file_only_for_what_it_cuts() -> None:
    classic = replace(JOB, is_classic=True)
    assert rendered(decide(engine_answer(output="42\n")), classic).attachments == ()
    assert rendered(decide(engine_answer(output="42\x07\n")), classic).attachments != ()
    assert rendered(decide(engine_answer(output="x" * 300_000)), classic).attachments == ()


TESTS = (
    TestOutcome("first", False, 2.5, Verdict.ACCEPTED, 0.25, 3 << 20, LIMITS),
    TestOutcome("<b>second</b>", True, 1, Verdict.WRONG_ANSWER, 0.125, 3 << 20, LIMITS),
    TestOutcome("3", False, 6),
)


def test_a_table_has_the_tests_with_their_points_and_limits() -> None:
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER))
    assert email.subject == "main.py: 1 of 3 tests passed (#42)"
    assert email.message_id == f"<precieux.{UUID(int=1)}@example.com>"
    lines = email.text.splitlines()
    assert "Points: 2.5 of 9.5" in lines
    table = lines.index("Tests")
    assert lines[table + 2 : table + 5] == [
        "first: Accepted (2.5 of 2.5, 0.25 s of 10 s, 3 MiB of 64 MiB)",
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


def test_every_failed_test_shows_what_was_expected_and_printed() -> None:
    failed = [
        FailedTest("large <numbers>", "1000000\n", "@@ line 2 @@\n-  9\n+-5", ""),
        FailedTest("2", "", "@@ word 11 @@\n-a\n-b", "boom"),
        FailedTest("nothing to show", "", "", ""),
        FailedTest("first", "", "", "", "partly"),
        FailedTest("<b>second</b>", "", "", "", "not at all"),
    ]
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER, failed=failed))
    shown = Shown(email.html)
    assert shown.within("pre") == ["9", "-5", "1000000", "a\nb", "boom", "partly", "not at all"]
    titles = ["Expected", "Printed", "Input", "Expected", "Printed", "Errors"]
    assert shown.within("h3") == [*titles, "What the judge says", "What the judge says"]
    titles = [title for title in shown.within("h2") if title.startswith("Test ")]
    assert titles == ["Test large <numbers>", "Test 2", "Test first: Accepted", "Test <b>second</b>"]
    assert (
        "Expected:\n      9\nPrinted:\n    -5\nThe first difference is in line 2.\nInput:\n    1000000\n" in email.text
    )
    assert "Printed:\nNothing. The first difference is in word 11.\nErrors:\n    boom\n" in email.text
    persian = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER, failed=failed), replace(JOB, locale="fa")).text
    assert "آزمون \u2068۲\u2069\n" in persian
    assert "نخستین تفاوت در واژهٔ ۱۱ است." in persian


def test_a_mail_of_many_failed_tests_stays_short_enough() -> None:
    failed = [FailedTest(str(number), "i" * 1000, f"@@ line 1 @@\n-{'e' * 490}", "&" * 1000) for number in range(100)]
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER, failed=failed))
    assert len(email.html) < 102_000
    assert email.text.count("Expected:") > 5
    assert "Open this result to see the other tests that failed." in email.text
    assert "the other tests" not in rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER, failed=failed[:5])).text


def test_a_compile_error_of_tests_is_shown_once() -> None:
    email = rendered(with_tests(TestOutcome("1", False, 1), verdict=Verdict.COMPILE_ERROR, error="main.c:1: <error>"))
    assert email.subject == "main.py: 0 of 1 test passed (#42)"
    assert email.text.count("main.c:1: <error>") == 1
    assert Shown(email.html).within("pre") == ["main.c:1: <error>"]


@pytest.mark.parametrize(("is_ours", "sentence"), [(True, "our fault"), (False, None)])
def test_what_could_not_be_run_says_why_and_what_helps(is_ours: bool, sentence: str | None) -> None:
    email = rendered(give_up("the <engine> is gone", is_ours=is_ours), link=None)
    assert email.subject == "main.py: could not be run (#42)"
    assert Shown(email.html).within("pre") == []
    assert "Reason: the <engine> is gone" in Shown(email.html).within("p")
    for part in (email.text, email.html):
        assert "Please send it again later, or tell your teacher." in part
        assert ("our fault" in part) == is_ours


def test_a_known_reason_is_told_in_the_language_of_the_mail() -> None:
    email = rendered(give_up("the engine stopped while it ran this program, 2 times"), replace(JOB, locale="fa"))
    assert "۲ بار متوقف شد" in email.text
    assert "stopped" not in email.text + email.html


def test_a_classic_mail_has_the_new_html() -> None:
    email = rendered(decide(engine_answer(output="42\n")), replace(JOB, is_classic=True))
    assert Shown(email.html).within("h1") == ["Finished"]
    assert "<title>Successful Code result - 42</title>" in email.html
    assert email.text.startswith("Hi,\n\nYour code request successed!\n")


def test_persian_has_its_digits_and_code_its_own() -> None:
    email = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER), replace(JOB, locale="fa"))
    assert email.subject == "\u2068main.py\u2069: ۱ از ۳ آزمون موفق بود (شمارهٔ ۴۲)"
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
    assert f'dir="{direction}"' in rendered(decide(engine_answer(output=output))).html.split("<pre")[1].split(">")[0]


def test_the_html_has_no_foreign_host_and_no_image() -> None:
    html = rendered(with_tests(*TESTS, verdict=Verdict.WRONG_ANSWER)).html
    assert "<img" not in html
    assert "url(" not in html
    assert {part.split("/")[2].split('"')[0] for part in html.split('="http')[1:]} <= {"api", "example.com"}


class TestJudges:
    """What a judge says to the author is shown, and a judge that failed is no fault of the program."""

    TESTS = (
        TestOutcome("first", False, 1, Verdict.ACCEPTED, 0.25, 3 << 20),
        TestOutcome("second", False, 1, Verdict.WRONG_ANSWER, 0.25, 3 << 20),
        TestOutcome("third", False, 1, Verdict.JUDGE_ERROR, 0.25, 3 << 20),
    )
    FAILED = (FailedTest("second", "1", "@@ line 1 @@\n-EXPECTED\n+PRINTED", "", "SAID"),)

    @pytest.mark.parametrize("locale", ["en", "fa"])
    def test_a_judge_error_is_not_red_and_has_no_points(self, locale: str) -> None:
        outcome = with_tests(*self.TESTS, verdict=Verdict.JUDGE_ERROR, failed=self.FAILED)
        assert outcome.details
        secret = replace(outcome.details, is_judged=False, judge_message="SECRET")
        email = rendered(replace(outcome, details=secret), replace(JOB, locale=locale))
        gettext = translations(locale).gettext
        assert gettext(EXPLANATIONS[Verdict.JUDGE_ERROR]) in Shown(email.html).within("p")
        if locale == "en":
            assert email.subject == "main.py: could not be judged (#42)"
            assert "first: Accepted (0.25 s, 3 MiB)\nsecond: Wrong answer (0.25 s, 3 MiB)\n" in email.text
        bad, _ = PALETTE["bad"]
        for part in (email.text, email.html.partition("<body")[2]):
            for text in ("SECRET", "EXPECTED", "PRINTED", "SAID", gettext("Points"), bad):
                assert text not in part

    def test_a_judge_error_without_tests_shows_the_program(self) -> None:
        details = Details("warning", None, is_judged=False, judge_message="SECRET", problem="Sum! (sum@3)")
        email = rendered(decide(engine_answer(Verdict.JUDGE_ERROR, output="42", error="warning"), details))
        assert email.subject == "main.py for sum@3: could not be judged (#42)"
        assert "no fault of the program" in email.text
        assert Shown(email.html).within("pre") == ["warning", "42"]
        assert "SECRET" not in email.text + email.html

    def test_messages_to_the_author_are_shown(self) -> None:
        failed = [FailedTest("1", "7", "", "", "<too> small\n"), FailedTest("2", "", "", "", "partly")]
        email = rendered(with_tests(*self.TESTS[:2], verdict=Verdict.WRONG_ANSWER, failed=failed))
        shown = Shown(email.html)
        assert shown.within("pre") == ["<too> small", "7", "partly"]
        assert shown.within("h3") == ["What the judge says", "Input", "What the judge says"]
        assert "What the judge says:\n    <too> small\n" in email.text

    def test_a_message_without_tests_is_shown(self) -> None:
        details = Details("", None, message="too small", judge_message="SECRET")
        email = rendered(decide(engine_answer(Verdict.WRONG_ANSWER, output="41", error=""), details))
        assert Shown(email.html).within("pre") == ["too small", "41"]
        assert "SECRET" not in email.text + email.html

    def test_a_program_that_talked_with_an_interactor_has_no_output(self) -> None:
        details = Details("", None, is_interactive=True)
        email = rendered(decide(engine_answer(Verdict.ACCEPTED), details), link=None)
        assert "Output" not in email.text + email.html
        assert "printed nothing" not in email.text
