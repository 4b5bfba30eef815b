import re
import tracemalloc
from datetime import UTC, datetime
from email.headerregistry import Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabulate import tabulate

from job_runner.emails.mailers.base import Email
from job_runner.emails.mailers.message import write_message
from job_runner.emails.texts.legacy_mail import plain_table
from job_runner.emails.texts.result_mail import render
from job_runner.emails.texts.sanitize import MAX_LINES, MAX_SHOWN, sanitize
from job_runner.emails.texts.templating import RenderedEmail
from job_runner.verdict.outcome import StoredFiles, decide, give_up
from shared.engine_api.codex import STORED_VERDICTS, Verdict
from tests.factories import BRANDING, claimed_job, engine_answer

JOB = claimed_job(is_classic=True)
FILES = StoredFiles("x", "http://example.com/files/x")


def rendered(*, verdict: Verdict | None = Verdict.OK, **fields: object) -> RenderedEmail:
    outcome = decide(engine_answer(verdict, **fields))
    return render(JOB, outcome, BRANDING, FILES)


#: Outputs on which a table could differ from tabulate's: spaces, empty lines, tabs, ends of lines.
OUTPUTS = (
    "", "\n", "   ", " \n\n", "x", "x\n", " x\n", "x \n", "  a\n b\n", "\n\na", "a\n\n\n", "a\n\nb\n", "a  \nb ",
    "\ta\n\tb\n", "  *\n ***\n*****\n\n", "سلام\n دنیا\n", "0 1\n", "1e5", "007",
    "a" * 300 + "\n b",
)  # fmt: skip


@pytest.mark.parametrize(("status", "word", "heading"), [(200, "successed", "Success"), (500, "errored", "Error")])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_classic_mail_is_the_originals_to_the_letter(output: str, status: int, word: str, heading: str) -> None:
    """The original's own f-string, with the real `tabulate`, but for numbers, which stay as they were printed."""
    answer = engine_answer(None, status=status, output=output, error=output, info="\n3.6\n")
    email = render(JOB, decide(answer), BRANDING)
    rows = [
        ["Response from codeX:", ""],
        [f"Status: {heading}", ""],
        ["timeStamp:", "1672439982964"],
        ["status:", str(status)],
        ["output:", output],
        ["error:", output],
        ["language:", "py"],
        ["info:", "\n3.6\n"],
    ]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True)
    assert email.text == f"Hi,\n\nYour code request {word}!\n\n{table}\n\nRegards,\n\nPrecieux"


def test_our_own_fields_follow_in_the_same_form() -> None:
    text = rendered(verdict=Verdict.RUNTIME_ERROR, exit_code=3, time_s=0.25).text
    ours = [re.split(r":\s+", line, maxsplit=1) for line in text.partition("info:")[2].splitlines()[1:4]]
    assert ours == [
        ["verdict", "runtime_error: The program ended with an error."],
        ["exit code", "3"],
        ["CPU time", "0.250 s"],
    ]


@pytest.mark.parametrize(
    "verdict", [v for v in STORED_VERDICTS if v not in (Verdict.OK, Verdict.ACCEPTED, Verdict.JUDGE_ERROR)]
)
def test_an_error_has_the_originals_subject(verdict: Verdict) -> None:
    email = rendered(verdict=verdict, error="boom")
    assert email.subject == "Error while compiling code - 42"
    assert "Your code request errored!" in email.text
    assert "Status: Error" in email.text.splitlines()
    assert str(verdict) in email.text


def test_a_failure_of_the_judge_is_no_error_of_the_program() -> None:
    email = rendered(verdict=Verdict.JUDGE_ERROR, error="Traceback of the program")
    assert email.subject == "Code could not be judged - 42"
    assert "no fault of the program" in email.text
    assert "rror" not in email.text.replace("request 42", "")


def test_a_failure_of_ours_is_reported_as_ours() -> None:
    email = render(JOB, give_up("the engine is gone"), BRANDING)
    assert email.subject == "Code could not be run - 42"
    assert "our fault" in email.text
    assert "the engine is gone" in email.text
    assert "the engine is gone" in email.html


def test_the_message_id_depends_on_the_request_alone() -> None:
    assert rendered(output="a").message_id == rendered(verdict=Verdict.TIME_LIMIT).message_id
    assert rendered().message_id == f"<precieux.{UUID(int=1)}@example.com>"


def test_many_lines_are_cut_and_say_so() -> None:
    text = sanitize("x\n" * (MAX_LINES + 5))
    assert text.splitlines()[-2:] == ["x", "[cut here: 10 more characters]"]
    assert len(text.splitlines()) == MAX_LINES + 1


def test_cut_output_refers_to_the_link_if_there_is_one() -> None:
    text = rendered(output="x" * (MAX_SHOWN + 5), error="y" * (MAX_SHOWN + 5)).text
    assert "[cut here: 5 more characters; the link leads to the whole output]" in text
    assert "[cut here: 5 more characters]" in text


@pytest.mark.parametrize(
    ("length", "truncated", "words"),
    [
        (10, None, "The output as a file"),
        (10, True, "The output as a file"),
        (MAX_SHOWN + 5, None, "The whole output"),
        (MAX_SHOWN + 5, True, "All of the output that is kept"),
    ],
)
def test_the_link_is_described_by_what_was_stored(length: int, truncated: bool | None, words: str) -> None:
    email = rendered(output="x" * length, truncated=truncated)
    assert f">{words}</a>" in email.html
    assert "leads to the whole output" not in email.text or words == "The whole output"


CELLS = st.text(st.sampled_from("a \t\n\u2028\u200cس日😀")).map(sanitize)


@given(rows=st.lists(st.tuples(st.sampled_from(["output", "Response from codeX:"]), CELLS), min_size=1))
def test_the_table_equals_tabulates(rows: list[tuple[str, str]]) -> None:
    rows = [("Status:", "Success"), *rows]
    assert plain_table(rows) == tabulate(rows, tablefmt="plain", disable_numparse=True)


MIB = 1 << 20

#: The longest output that is kept of both streams of a program.
WORST = {
    "one long line beside many short ones": ("x" * MIB, "\n" * MIB),
    "many short lines beside one long one": ("\n" * MIB, "x" * MIB),
    "control characters": ("\x01" * MIB,) * 2,
    "what HTML escapes": ("&" * MIB,) * 2,
    "quotes": ('"' * MIB,) * 2,
    "four bytes a character": ("😀" * (MIB // 4),) * 2,
    "carriage returns": ("\r" * MIB,) * 2,
    "lines of Unicode": ("\u2028" * (MIB // 3),) * 2,
    "what is no UTF-8": ("\ufffd" * MIB,) * 2,
    "terminal colours": ("\x1b[31m" * (MIB // 5),) * 2,
    "placeholders": ("%a%" * (MIB // 3),) * 2,
}


@pytest.mark.parametrize(("output", "error"), WORST.values(), ids=WORST)
def test_any_output_makes_a_mail_in_little_memory(output: str, error: str) -> None:
    outcome = decide(engine_answer(None, output=output, error=error, info=output, language=error))
    tracemalloc.start()
    try:
        mail = render(JOB, outcome, BRANDING, FILES)
        email = Email("someone@example.com", mail.subject, mail.text, mail.html, mail.message_id)
        message = write_message(email, Address("", "results", "example.com"), datetime.now(UTC))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(message) < 2 * MIB
    assert peak < 8 * MIB


def test_control_characters_are_shown_and_joiners_are_kept() -> None:
    assert sanitize("\x1b[31mred\x07\r\n\tok") == "\ufffd[31mred\ufffd\n\tok"
    assert sanitize("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"


def test_a_program_that_was_not_compiled_was_run_by_nothing() -> None:
    email = rendered(verdict=Verdict.COMPILE_ERROR, compile="gcc main.c", run="/box/work/main")
    assert "gcc main.c" in email.text
    assert "gcc main.c" in email.html
    assert "/box/work/main" not in email.text + email.html
