"""The promises P1, P2 and P3 on the real stack: upgraded, scaled, killed and restarted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from precieux.mail.mailbox import submission_of
from precieux.programs.samples import SampleResult, load_samples
from tests.fixtures.compose import Stack
from tests.waiting import eventually_sync

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

#: Takes a moment, so that some are under way at a kill.
PROGRAM: Final = "import time\ntime.sleep(0.2)\nprint(int(input()) ** 2)\n"
OURS: Final = ("gateway", "api_service", "queue_consumer", "job_runner", "executor")
THEIRS: Final = ("postgres", "rabbitmq", "seaweedfs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "square.py"
    path.write_text(PROGRAM)
    return path


def stream(stack: Stack, source: Path, email: str, count: int, meanwhile: Callable[[], object] | None = None) -> None:
    """Submit one after the other while `meanwhile` changes the stack; P1, P2 and P3 must hold."""
    first = int(stack.sql("SELECT coalesce(max(id), 0) + 1000 FROM uploads")[0][0])
    numbers = range(first, first + count)

    def submit() -> None:
        for number in numbers:
            stack.insist(source, email=email, language="py", inputs=str(number), number=number)

    client = threading.Thread(target=submit)
    client.start()
    try:
        if meanwhile:
            eventually_sync(lambda: stack.submissions(email), what="the stream has begun")
            meanwhile()
    finally:
        client.join()
    check(stack, email, {number: f"{number**2}\n" for number in numbers})


def check(stack: Stack, email: str, expected: dict[int, str]) -> None:
    """Check that each submission has exactly one job, result and mail, with the right output."""

    def sent() -> bool:
        return stack.sql(
            "SELECT count(*) FROM emails JOIN job ON job.id = emails.job JOIN uploads ON uploads.id = job.upload"
            f" WHERE uploads.email = '{email}' AND emails.status = 'sent'"
        ) == [[str(len(expected))]]

    eventually_sync(sent, timeout=180, what=f"all mails to {email} are sent")
    rows = stack.sql(
        "SELECT uploads.id, count(DISTINCT job.id), count(DISTINCT results.id), count(DISTINCT emails.id)"
        " FROM uploads LEFT JOIN job ON job.upload = uploads.id LEFT JOIN results ON results.job = job.id"
        f" LEFT JOIN emails ON emails.job = job.id WHERE email = '{email}' GROUP BY 1 ORDER BY 1"
    )
    assert rows == [[str(number), "1", "1", "1"] for number in sorted(expected)]
    assert {one["id"]: one["output"] for one in stack.submissions(email)} == expected
    mails = [mail for mail in stack.mails() if mail["To"] == email]
    assert sorted(submission_of(mail) or 0 for mail in mails) == sorted(expected)


def test_the_original_systems_rows_are_still_there(stack: Stack) -> None:
    (old,) = stack.submissions("old@example.com")
    assert (old["id"], old["status"], old["output"]) == (7, "executed", "from before")


def test_the_samples_have_the_expected_results(stack: Stack) -> None:
    email = "samples@example.com"
    samples = {
        stack.submit(sample.path, email=email, language=sample.language, inputs=sample.input): sample
        for sample in load_samples()
    }
    for number in samples:
        stack.request_execution(number)

    def mailed() -> bool:
        return {submission_of(mail) for mail in stack.mails() if mail["To"] == email} == set(samples)

    eventually_sync(mailed, timeout=180, what="all samples are mailed")
    submissions = {number: stack.v1.get(number) for number in samples}
    mails = {submission_of(mail): mail for mail in stack.mails() if mail["To"] == email}
    outcomes = [
        SampleResult(sample, number, email, submissions[number], mails[number]) for number, sample in samples.items()
    ]
    assert {one.sample.path.name: one.complaint for one in outcomes if one.complaint} == {}


def test_replicas_share_the_work(stack: Stack, source: Path) -> None:
    stack.up(job_runner=3, queue_consumer=2, executor=2, api_service=2)
    stream(stack, source, "replicas@example.com", 40)
    # The newer replica has run nothing yet.
    assert all("run.ended" in stack.log(executor) for executor in stack.containers("executor"))


@pytest.mark.parametrize("victim", [*OURS, *THEIRS])
def test_a_killed_container_loses_and_repeats_nothing(stack: Stack, source: Path, victim: str) -> None:
    def kill() -> None:
        stack.kill(victim)
        stack.up()

    stream(stack, source, f"killed.{victim}@example.com", 20, kill)


@pytest.mark.parametrize("service", THEIRS)
def test_a_restart_loses_and_repeats_nothing(stack: Stack, source: Path, service: str) -> None:
    stream(
        stack, source, f"restarted.{service}@example.com", 20, lambda: stack.compose("restart", "--timeout=5", service)
    )


def test_the_stack_keeps_everything_over_down_and_up(stack: Stack, source: Path) -> None:
    """`down` and `up` again, as for an upgrade: the volumes keep what was accepted."""
    stack.compose("down", "--timeout=5")
    stack.up()
    stream(stack, source, "again@example.com", 10)
