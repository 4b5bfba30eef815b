"""The samples' expectations, and the comparison of a result with them."""

from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from precieux.programs.read import guess_language
from precieux.programs.samples import SampleProgram, SampleResult, load_samples
from tests.factories import client_submission

SAMPLE = SampleProgram(path=Path("hello.py"), title="", verdict="ok", output="hi\n")
SUBMISSION = client_submission(7, stdout="hi\n")


def mail(recipient: str = "ada@example.com", subject: str = "hello.py: finished (#7)") -> EmailMessage:
    mail = EmailMessage()
    mail["To"], mail["Subject"] = recipient, subject
    return mail


GOOD = SampleResult(SAMPLE, 7, "ada@example.com", SUBMISSION, mail())


def test_every_sample_exists_and_has_a_known_language() -> None:
    samples = load_samples()
    assert len(samples) >= 8
    assert {sample.language for sample in samples} >= {"py", "c", "cpp", "java", "js"}
    assert all(sample.path.is_file() for sample in samples)


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        (GOOD, None),
        (replace(GOOD, submission=None), "did not finish"),
        (replace(GOOD, submission=replace(SUBMISSION, state="failed")), "state failed"),
        (replace(GOOD, submission=replace(SUBMISSION, verdict="time_limit")), "verdict time_limit, not ok"),
        (replace(GOOD, submission=client_submission(7, stdout="ho\n")), "another output"),
        (replace(GOOD, sample=replace(SAMPLE, error="Zero")), "an error without 'Zero'"),
        (replace(GOOD, mail=None), "no mail came"),
        (replace(GOOD, mail=mail(recipient="bob@example.com")), "the mail's subject or recipient differs"),
        (
            replace(GOOD, mail=mail(subject="hello.py: compile error (#7)")),
            "the mail's subject or recipient differs",
        ),
    ],
)
def test_a_result_is_as_expected_or_has_a_complaint(outcome: SampleResult, complaint: str | None) -> None:
    assert outcome.complaint == complaint


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.py", "py"), ("a.CC", "cpp"), ("a.b.js", "js"), ("a.mjs", "js"), ("a", None), ("a.txt", None)],
)
def test_the_language_is_guessed_by_the_extension(name: str, language: str | None) -> None:
    assert guess_language(Path(name)) == language
