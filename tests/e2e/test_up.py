"""The whole system as a client sees it: programs go in over HTTP, mails come out."""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import requests

from precieux.postgres.embedded import running_url
from precieux.programs.samples import SampleProgram, load_samples
from shared.adapters.database.roles import Role
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


def test_a_program_runs_before_the_runner_polls_again(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "quick.py"
    source.write_text("print(42)")
    number = running.submit(source, language="python", email="quick@example.com")
    began = time.monotonic()
    assert running.finished("quick@example.com", number)["output"] == "42\n"
    assert time.monotonic() - began < 2


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


def test_the_link_to_the_output_works(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "linked.py"
    source.write_text("print('سلام')")
    number = running.submit(source, language="py", email="link@example.com")
    answer = requests.get(running.finished("link@example.com", number)["filelink"], timeout=10)
    assert answer.content.decode() == "سلام\n"


def test_each_service_has_a_role_of_its_own(running: Up) -> None:
    url = running_url(running.data_dir / "postgres", Role.OWNER)
    assert url is not None

    async def roles() -> set[str]:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch(
                "SELECT usename FROM pg_stat_activity WHERE datname = 'precieux' AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        return {row["usename"] for row in rows}

    assert asyncio.run(roles()) == {Role.API, Role.CONSUMER, Role.RUNNER}


def test_prometheus_can_scrape_each_service(running: Up) -> None:
    first = int(running.settings["PRECIEUX_METRICS_PORT"])
    answers = [requests.get(f"http://127.0.0.1:{first + offset}/metrics", timeout=10) for offset in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200], running.log
    assert ["precieux_backlog{" in answer.text for answer in answers] == [True, False, False]
