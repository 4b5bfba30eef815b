"""Strangers' text changes nothing in the structure of a mail: neither in its headers and parts, nor in its HTML."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any, Final

import pytest

from job_runner.emails.mailers.message import write_message
from job_runner.emails.texts.digest import Line, render_digest
from job_runner.emails.texts.receipt import render_receipt
from job_runner.emails.texts.result_mail import render
from job_runner.emails.texts.templating import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.problems.check_mail import render_check
from job_runner.verdict.outcome import Details, FailedTest, StoredFiles, TestOutcome, decide, give_up
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.codex import RunResponse, Verdict
from shared.records.resources.check_models import CheckResult, CheckVerdict
from tests.factories import BRANDING, claimed_job, engine_answer
from tests.hostile_texts import hostile_texts
from tests.mail_gallery import email_of

TEXTS: Final = hostile_texts()
NOW: Final = datetime(2026, 11, 26, tzinfo=UTC)
FILES: Final = StoredFiles("x", "http://api/files/x")
SENDER: Final = Address("Precieux", "results", "example.com")


def job(text: str, **changes: Any) -> ClaimedJob:
    return claimed_job(filename=text, language=text, **changes)


def answer(text: str, verdict: Verdict) -> RunResponse:
    return engine_answer(verdict, output=text, error=text, language=text, info=text, compile=text, run=text)


def result(text: str, locale: str = "en") -> RenderedEmail:
    outcome = decide(answer(text, Verdict.RUNTIME_ERROR), Details(text, text))
    return render(job(text, locale=locale), outcome, BRANDING, FILES)


def classic(text: str) -> RenderedEmail:
    outcome = decide(answer(text, Verdict.RUNTIME_ERROR))
    return render(job(text, is_classic=True), outcome, BRANDING, FILES)


def with_tests(text: str) -> RenderedEmail:
    tests = tuple(TestOutcome(text, hidden, 1, Verdict.WRONG_ANSWER, 0.1, 1 << 20) for hidden in (False, True))
    details = Details(
        None, text, tests=tests, failed=(FailedTest(text, text, f"@@ line 1 @@\n-{text}\n+{text}", text),)
    )
    return render(job(text), decide(answer(text, Verdict.WRONG_ANSWER), details), BRANDING)


MAILS: Final[dict[str, Callable[[str], RenderedEmail]]] = {
    "result": result,
    "result in Persian": lambda text: result(text, "fa"),
    "classic result": classic,
    "tests": with_tests,
    "could not be run": lambda text: render(job(text), give_up(text), BRANDING),
    "receipt": lambda text: render_receipt(job(text), None, BRANDING, NOW),
    "digest": lambda text: render_digest(
        5, [Line(1, text, text, "ok", "http://api/pages/1")], BRANDING, recipient="a@example.com", locale="en"
    ),
    "check": lambda text: render_check(
        5,
        "sum@5",
        text,
        verdict=CheckVerdict.FAILED,
        time_limit=None,
        data=[{"path": text, "detail": text}],
        entries=[{"path": text, "language": "py", "expected": [], "result": CheckResult.UNEXPECTED, "detail": text}],
        branding=BRANDING,
        locale="en",
    ),
}


class Structure(HTMLParser):
    """The elements and attributes of a page, without the parts that a text decides: its direction, and its label."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[object] = []
        self.comments: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = [(name, value if name != "aria-label" else "") for name, value in attrs if name not in ("dir", "style")]
        self.tags.append((tag, kept) if tag != "pre" else tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def skeleton(mail: RenderedEmail) -> tuple[list[str], list[object]]:
    """Return the headers and parts of a mail as its recipient's program reads them, and the elements of its HTML."""
    email = email_of(mail, "en")
    email = replace(email, text=strip_nul(email.text), html=strip_nul(email.html))
    message = message_from_bytes(write_message(email, SENDER, NOW), policy=policy.default)
    parts: list[str] = [f"{name}: {message[name]}" for name in message if name not in ("Content-Type", "Subject")]
    assert len(message.get_all("Subject", [])) == 1
    assert {"42", "۴۲", "5"} & set(re.findall(r"\d+", message["Subject"])), message["Subject"]
    for part in message.walk():
        assert isinstance(part, EmailMessage)
        assert not part.defects
        parts.append(part.get_content_type())
    html = message.get_body(("html",))
    assert html is not None
    structure = Structure(html.get_content())
    assert structure.comments == []
    return [part for part in parts if part not in ("multipart/mixed",)], structure.tags


def lines_of_ours(mail: RenderedEmail) -> list[str]:
    """Return the lines of the text part that are not indented, as what a program writes is."""
    return [line for line in mail.text.splitlines() if line and not line.startswith(" ")]


def is_control(character: str) -> bool:
    return (ord(character) < 32 or 126 < ord(character) < 160) and character not in "\n\t"


# Each text is in two kinds of mails; the slow ones have all.
@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        *((kind, TEXTS[number % 4 :: 4]) for number, kind in enumerate(MAILS)),
        *(pytest.param(kind, TEXTS, marks=pytest.mark.slow) for kind in MAILS),
    ],
    ids=[*MAILS, *(f"{kind}, all texts" for kind in MAILS)],
)
def test_a_hostile_text_changes_no_other_part_of_a_mail(kind: str, texts: list[str]) -> None:
    """It adds no header, part or element, it leaves no control character, and no line of it looks like ours."""
    parts, tags = skeleton(MAILS[kind]("x" * 20_000))
    headers, allowed = [part for part in parts if ":" in part], {repr(tag) for tag in tags}
    usual_lines = len(lines_of_ours(MAILS[kind]("x")))
    for number, text in enumerate(texts):
        mail = MAILS[kind](text)
        found_parts, found_tags = skeleton(mail)
        assert [part for part in found_parts if ":" in part] == headers, f"text {number}"
        kinds = [part for part in found_parts if ":" not in part]
        assert kinds[:3] == ["multipart/alternative", "text/plain", "text/html"], f"text {number}"
        assert set(kinds[3:]) <= {"text/plain", "text/csv"}, f"text {number}"
        assert {repr(tag) for tag in found_tags} <= allowed, f"text {number}"
        assert len(found_tags) <= len(tags), f"text {number}"
        for part in (mail.subject, mail.text, mail.html, *(file.filename for file in mail.attachments)):
            assert not any(map(is_control, {*part})), f"text {number}"
        if kind in ("result", "result in Persian", "tests", "could not be run"):
            assert len(lines_of_ours(mail)) <= usual_lines + 4, f"text {number}"
            assert "Accepted" not in lines_of_ours(mail), f"text {number}"


def test_a_hostile_name_is_one_cell_of_the_table() -> None:
    for text in TEXTS:
        [file] = MAILS["digest"](text).attachments
        assert file.text is not None
        heading, row = csv.reader(io.StringIO(file.text.removeprefix("\ufeff"), newline=""))
        assert len(heading) == len(row) == 7
        assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))
