"""Checks of what must be true after the faults: each function returns the violations that it finds."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from tests.chaos import v1
from tests.chaos.installation import Installation
from tests.chaos.load import Load

_ENDS = f"""
    SELECT uploads.id AS upload, job.id AS job, job.status, {v1.IS_CULPRIT} AS is_culprit, results.output,
        emails.message_id, emails.status AS mail, emails.recipient,
        extract(epoch FROM job.finished_at - uploads.created_at) AS seconds
    FROM uploads LEFT JOIN job ON job.upload = uploads.id LEFT JOIN results ON results.job = job.id
    LEFT JOIN emails ON emails.job = job.id
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings. `repeats` counts mails that arrived again under the same Message-ID, and `culprits` programs that
    failed after two interruptions (`v1.IS_CULPRIT`). Both are allowed.
    """

    violations: list[str]
    accepted: int
    lost: int
    doubled: int
    missing_mails: int
    repeats: int
    culprits: int
    seconds: list[float]


def wait_until_settled(system: Installation, load: Load, *, timeout: float, what: str) -> None:
    """Wait until every submission is accepted and has ended, all mails and webhooks were sent, and nothing waits."""
    try:
        system.wait(lambda: load.all_accepted and not any(_waiting(system).values()), timeout=timeout, what=what)
    except AssertionError as exc:
        raise AssertionError(
            f"{exc}: all accepted: {load.all_accepted}, the API answered: {load.strange[-3:]}, {_waiting(system)}"
        ) from None


def _waiting(system: Installation) -> dict[str, int]:
    """Return how many of each kind wait."""
    [row] = system.query(
        "SELECT (SELECT count(*) FROM outbox WHERE failure IS NULL) AS outbox,"
        " (SELECT count(*) FROM job WHERE status IN ('none-executed', 'executing')) AS jobs,"
        " (SELECT count(*) FROM emails WHERE status IN ('queued', 'sending')) AS mails,"
        " (SELECT count(*) FROM uploads WHERE request_id IS NOT NULL) AS requests,"
        " (SELECT count(*) FROM webhooks WHERE status = 'pending') AS webhooks,"
        " (SELECT count(*) FROM batches WHERE finished_at IS NULL) AS batches"
    )
    return row


def judge(system: Installation, load: Load) -> Verdict:
    """Compare the promises to the clients with what the database and the mail provider hold."""
    ends: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in system.query(_ENDS):
        ends[row["upload"]].append(row)
    arrived = Counter(mail.fields["h:Message-Id"] for mail in system.mailgun.accepted)
    violations: list[str] = []
    lost = doubled = missing = 0
    seconds: list[float] = []
    for submission in load.submissions:
        rows = [row for row in ends[submission.id] if row["job"] is not None]
        if submission.accepted and not any(row["status"] == "executed" or row["is_culprit"] for row in rows):
            lost += 1
            violations.append(f"submission {submission.number} was accepted and lost: {ends[submission.id]}")
        if len({row["job"] for row in rows}) > max(1, submission.tries) or len(rows) != len({r["job"] for r in rows}):
            doubled += 1
            violations.append(f"submission {submission.number} was requested {submission.tries} times: {rows}")
        for row in rows:
            if row["output"] != (None if row["is_culprit"] else str(submission.number)):
                violations.append(f"submission {submission.number} got the result {row['output']!r}")
            if row["mail"] != "sent" or not arrived[row["message_id"]] or row["recipient"] != submission.email:
                missing += 1
                violations.append(f"the mail of {row} did not arrive")
        seconds += [float(row["seconds"]) for row in rows if row["seconds"] is not None]
    violations += v1.violations(system, load.posted, arrived)
    known = {row["message_id"] for row in system.query("SELECT message_id FROM emails")}
    violations += [f"a mail that nobody wrote arrived: {message_id}" for message_id in arrived.keys() - known]
    violations += [f"the API answered {answer}" for answer in load.strange]
    return Verdict(
        violations,
        accepted=sum(bool(one.accepted) for one in load.submissions) + sum(bool(one.accepted) for one in load.posted),
        lost=lost,
        doubled=doubled,
        missing_mails=missing,
        repeats=arrived.total() - len(arrived),
        culprits=len(system.query(f"SELECT FROM job WHERE {v1.IS_CULPRIT}")),
        seconds=sorted(seconds),
    )
