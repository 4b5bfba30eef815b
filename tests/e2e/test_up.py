"""The whole system as a client sees it: programs go in over HTTP, mails come out."""

import json
from pathlib import Path
from typing import Final

import pytest

from precieux.programs.samples import SampleProgram, load_samples
from tests.fixtures.up import Up
from tests.waiting import eventually_sync

#: The languages that every tested machine has; the demo's test runs the others where they are installed.
SAMPLES: Final = [sample for sample in load_samples() if sample.language in ("py", "c", "cpp", "java", "js")]
#: The endless one takes all of its time.
_CASES: Final = [
    pytest.param(one, id=one.path.name, marks=[pytest.mark.slow] if one.verdict == "time_limit" else [])
    for one in SAMPLES
]


@pytest.mark.parametrize("sample", _CASES)
def test_a_sample_ends_as_expected_and_is_mailed(running: Up, sample: SampleProgram) -> None:
    email = "ada@example.com"
    number = running.submit(sample.path, language=sample.language, email=email, inputs=sample.input)
    row = running.finished(email, number)
    assert (row["status"], row["verdict"]) == ("executed", sample.verdict), row
    assert sample.output in (None, row["output"])
    assert sample.error in (row["error"] or "")
    eventually_sync(lambda: running.mails(number), what="the mail arrives")
    (mail,) = running.mails(number)
    kind = "Successful Code result" if sample.verdict == "ok" else "Error while compiling code"
    assert mail["Subject"] == f"{kind} - {number}"
    assert mail["To"] == email
    body = mail.get_body(("plain",))
    assert body
    for line in (sample.output or "").splitlines():
        assert line.strip() in body.get_content()


def test_a_submission_is_two_lines_of_the_log(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text("print(1)\n")
    before = len(running.log)
    number = running.submit(source, language="py", email="log@example.com")
    eventually_sync(lambda: running.mails(number), what="the mail arrives")
    eventually_sync(lambda: "mail.sent" in running.log[before:], what="the mail is in the log")
    records = map(json.loads, running.log[before:].splitlines())
    # A mail of the previous test may be among them.
    events = {record["event"] for record in records}
    assert {event for event in events if event.startswith(("execution.", "job.", "run.", "mail."))} == {
        "job.finished",
        "mail.sent",
    }
