"""`python -m tests.mail_gallery FOLDER` writes each kind of mail in each language, as .eml, .html and .txt files."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from pathlib import Path
from typing import Final

from job_runner.emails.mailers.base import AttachedFile, Email
from job_runner.emails.mailers.message import write_message
from job_runner.emails.send_test_mail import render_test_mail
from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.digest import Line, render_digest
from job_runner.emails.texts.footer import Footer
from job_runner.emails.texts.receipt import render_receipt
from job_runner.emails.texts.result_mail import has_link, render
from job_runner.emails.texts.templating import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from job_runner.problems.check_mail import render_check
from job_runner.verdict.outcome import Details, FailedTest, Outcome, StoredFiles, TestOutcome, decide, give_up
from shared.adapters.storage.signing import LinkSigner
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.limits import ProgramLimits
from shared.records.messages.translations import LOCALES
from shared.records.resources.check_models import CheckResult, CheckVerdict
from shared.records.resources.links import Links
from shared.records.resources.models import Queue
from tests.factories import claimed_job, engine_answer

_NOW: Final = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_BRANDING: Final = Branding("example.com", Links(LinkSigner(b"k" * 32, "https://judge.example.edu")))
_FOOTER: Final = Footer("Precieux <results@example.com>", "abuse@example.com")
_LIMITS: Final = ProgramLimits(cpu_s=10, memory_bytes=256 << 20)
_FILE_LINK: Final = "https://judge.example.edu/files/results/7-1.txt?expires=1764800000&signature=abc"

_GCC: Final = """\
main.c: In function ‘main’:
main.c:4:27: error: expected ‘;’ before ‘}’ token
    4 |     printf("Hello, world\\n")
      |                             ^
      |                             ;
    5 | }
      | ~
"""
_TRACEBACK: Final = """\
Traceback (most recent call last):
  File "crash.py", line 7, in <module>
    print(average([]))
          ~~~~~~~^^^^
  File "crash.py", line 3, in average
    return sum(numbers) / len(numbers)
           ~~~~~~~~~~~~~^~~~~~~~~~~~~~
ZeroDivisionError: division by zero
"""


def mails() -> Iterator[tuple[str, str, RenderedEmail]]:
    """Yield each mail with its name and its locale."""
    for locale in LOCALES:
        for name, job, outcome in _results(locale):
            output = outcome.answer.output if outcome.answer else ""
            link = _FILE_LINK if output and has_link(job, output) else None
            yield name, locale, render(job, outcome, _BRANDING, StoredFiles(link and "results/7-1.txt", link))
        queue = Queue(position=3, estimated_start_at=_NOW)
        yield "receipt", locale, render_receipt(_job("main.py", locale), queue, _BRANDING, _NOW)
        sender = "results@example.com"
        yield "test-mail", locale, render_test_mail(sender=sender, domain="example.com", now=_NOW, locale=locale)
        yield "digest", locale, render_digest(5, _LINES, _BRANDING, recipient="someone@example.com", locale=locale)
        yield (
            "check",
            locale,
            render_check(
                5,
                "sum@3",
                "Sum",
                verdict=CheckVerdict.FAILED,
                time_limit={"cpu_s": 2},
                data=[{"path": "data/secret/03.in", "detail": "The input validator small.py does not accept it."}],
                entries=_ENTRIES,
                branding=_BRANDING,
                locale=locale,
            ),
        )


def email_of(mail: RenderedEmail, locale: str) -> Email:
    """Return a mail as it is sent, with its footer and its files. The test mail has no footer."""
    files = [
        AttachedFile(one.filename, one.content_type, (one.text or "the whole output\n").encode())
        for one in mail.attachments
    ]
    email = Email(
        "someone@example.com",
        mail.subject,
        mail.text,
        mail.html,
        mail.message_id,
        unsubscribe="https://judge.example.edu/unsubscribe?email=someone%40example.com&signature=abc",
        locale=locale,
        references=_BRANDING.thread(42, None),
        attachments=tuple(files),
    )
    return email if mail.message_id.startswith("<precieux.test.") else _FOOTER.add_to(email)


def _results(locale: str) -> Iterator[tuple[str, ClaimedJob, Outcome]]:
    answer = _answer(Verdict.OK, output="Hello, world\n", exit_code=0)
    yield "ok", _job("hello.py", locale), decide(answer, _details())
    classic = replace(_job("hello.py", "en"), is_classic=True)
    if locale == "en":
        yield "classic", classic, decide(answer)
    table = "\n".join(f"{n:3} × {n:3} = {n * n:6}" for n in range(1, 2001))
    persian = "نام        نمره\nآرش          ۱۸\nسارا         ۲۰\n"
    yield (
        "long-output",
        _job("table.py", locale),
        decide(_answer(Verdict.ACCEPTED, output=table, exit_code=0), _details()),
    )
    mixed = decide(_answer(Verdict.OK, output=persian, exit_code=0), _details())
    yield "persian-output", _job("نمره‌ها.py", locale), mixed
    rejected = _answer(
        Verdict.COMPILE_ERROR,
        error=_GCC,
        language="c",
        info="gcc (Debian 14.2.0-19) 14.2.0\nCopyright",
        compile="/usr/bin/gcc -pipe -fuse-ld=gold -Wl,-nostdlib -o main main.c -lm",
    )
    yield "compile-error", _job("main.c", locale, "c"), decide(rejected, _details(compile_output=_GCC))
    crashed = _answer(Verdict.RUNTIME_ERROR, error=_TRACEBACK, output="3.5\n2.0\n", exit_code=1)
    yield "runtime-error", _job("crash.py", locale), decide(crashed, _details(stderr=_TRACEBACK))
    slow = _answer(
        Verdict.TIME_LIMIT, error="Time limit exceeded: stopped after 10 s of CPU time.", time_s=10.004, signal=9
    )
    yield "time-limit", _job("primes.py", locale), decide(slow, _details())
    tests = [_test(number) for number in range(1, 11)]
    failed_late = FailedTest("8", "2000000\n", "", "")
    failed = FailedTest("large numbers", "1000000\n", "@@ line 1 @@\n-78498\n+78499", "")
    verdict = _answer(Verdict.WRONG_ANSWER, error="7 of 10 tests passed.", time_s=1.62, memory_bytes=21 << 20)
    yield (
        "tests",
        _job("primes.py", locale),
        decide(verdict, replace(_details(), tests=tuple(tests), failed=(failed, failed_late), limits=None)),
    )
    passed = tuple(replace(test, verdict=Verdict.ACCEPTED) for test in tests[:4])
    yield (
        "tests-passed",
        _job("primes.py", locale),
        decide(_answer(Verdict.ACCEPTED, time_s=0.2), replace(_details(), tests=passed, limits=None)),
    )
    judged = (*tests[:3], replace(tests[4], verdict=Verdict.JUDGE_ERROR), replace(tests[5], verdict=None))
    yield (
        "not-judged",
        _job("primes.py", locale),
        decide(
            _answer(Verdict.JUDGE_ERROR, error="3 of 5 tests passed.", time_s=0.2),
            replace(_details(), tests=judged, limits=None, is_judged=False),
        ),
    )
    yield "not-run", _job("main.go", locale, "go"), give_up("the engine cannot be reached (tried 20 times)")


def _job(file: str, locale: str, language: str = "py") -> ClaimedJob:
    return claimed_job(filename=file, requested_at=_NOW, locale=locale, language=language)


def _answer(verdict: Verdict, **fields: object) -> RunResponse:
    measured: dict[str, object] = {"time_s": 0.021, "wall_s": 0.034, "memory_bytes": 9 << 20}
    others = {"timeStamp": int(_NOW.timestamp() * 1000), "info": "Python 3.13.5", "run": "/usr/bin/python3 main.py"}
    return engine_answer(verdict, **{**measured, **others, **fields})


def _details(stderr: str = "", compile_output: str | None = None) -> Details:
    return Details(stderr, compile_output, limits=_LIMITS)


def _test(number: int) -> TestOutcome:
    names = {1: "sample", 4: "large numbers", 7: "a much longer name of a test, as teachers write them", 9: "negative"}
    bad = {4: Verdict.WRONG_ANSWER, 8: Verdict.TIME_LIMIT, 10: None}
    verdict = bad.get(number, Verdict.ACCEPTED)
    name, hidden = names.get(number, str(number)), number in (5, 6)
    if verdict is None:
        return TestOutcome(name, hidden, 1, None, limits=_LIMITS)
    cpu_s = 10.003 if verdict is Verdict.TIME_LIMIT else 0.02 * number
    return TestOutcome(name, hidden, 1.5 if number == 7 else 1, verdict, cpu_s, (9 + number) << 20, _LIMITS)


_PAGE: Final = "https://judge.example.edu/pages/{}?expires=1764800000&signature=abc"
_LINES: Final = [
    Line(41, "ali/main.py", "py", "accepted", _PAGE.format(41), 10, 10),
    Line(42, "sara/primes.cpp", "cpp", "wrong_answer", _PAGE.format(42), 10, 7),
    Line(43, "a-student-with-a-long-name/solution.java", "java", "compile_error", _PAGE.format(43), 10, 0),
    Line(44, "رضا/برنامه.py", "py", "time_limit", _PAGE.format(44), 10, 2.5),
    Line(45, "mina/main.rs", "rs", "failed", _PAGE.format(45), 10, 0),
    Line(46, "omid/main.js", "js", "accepted", _PAGE.format(46), 10, 10),
]
_ENTRIES: Final = [
    {
        "path": f"submissions/{path}",
        "language": "py",
        "expected": [letter] if letter else [],
        "verdict": verdict,
        "slowest_s": 0.25,
        "result": result,
        "detail": detail,
    }
    for path, letter, verdict, result, detail in (
        ("accepted/sum.py", "AC", "accepted", CheckResult.AS_EXPECTED, None),
        ("wrong_answer/برنامه.py", "WA", "accepted", CheckResult.UNEXPECTED, "It got AC, not WA."),
        ("mixed/other.py", "", None, CheckResult.NOT_RUN, "The package does not say what it must get."),
    )
]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, locale, mail in mails():
        email = email_of(mail, locale)
        file = folder / f"{name}-{locale}"
        file.with_suffix(".txt").write_text(f"Subject: {email.subject}\n\n{email.text}")
        file.with_suffix(".html").write_text(email.html)
        file.with_suffix(".eml").write_bytes(write_message(email, Address("Precieux", "results", "example.com"), _NOW))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
