"""Submissions of API v1 under faults: with tests, cancelled, and in batches. Each has a webhook and a mail.

Each is posted with an `Idempotency-Key`, again and again until the server has accepted it.
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import requests

from shared.adapters.storage.sources import MAX_IN_ROW
from tests.chaos.engine import SLOW

if TYPE_CHECKING:
    from tests.chaos.installation import Installation

_TIMEOUT: Final = (2, 4)
_OF_BATCH: Final = 3
_CANCEL_AFTER: Final = 0.3


class Kind(StrEnum):
    PLAIN = "plain"
    TESTS = "tests"
    CANCEL = "cancel"
    BATCH = "batch"


@dataclass
class Posted:
    """One POST: of a submission, or of a batch of them. `number` names it in its metadata, inputs and addresses."""

    number: int
    kind: Kind
    webhook_url: str
    began: float = field(default_factory=time.monotonic)
    #: When it was accepted.
    accepted: float | None = None
    #: The id of the submission or batch.
    id: int | None = None
    #: The statuses of the answers to the cancel.
    cancels: list[int] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        return self.accepted is not None and (self.kind is not Kind.CANCEL or bool(self.cancels))

    @property
    def members(self) -> Sequence[str]:
        """The names of its submissions, which are in their metadata."""
        if self.kind is not Kind.BATCH:
            return [f"v{self.number}"]
        return [f"v{self.number}-{place}" for place in range(_OF_BATCH)]

    @property
    def email(self) -> str:
        return f"v1-{self.number}@example.com"

    def attempt(self, session: requests.Session, url: str) -> requests.Response | None:
        """Take the next step. Return a refusal, if there was one. Raises `requests.RequestException`."""
        if self.accepted is None:
            path = "batches" if self.kind is Kind.BATCH else "submissions"
            headers = {"Idempotency-Key": f'"{self.number}"'}
            answer = session.post(f"{url}/v1/{path}", json=self._body(), headers=headers, timeout=_TIMEOUT)
            if answer.status_code != 201:
                return answer
            self.id, self.accepted = answer.json()["id"], time.monotonic()
            if self.kind is Kind.CANCEL:
                time.sleep(self.number % 4 * _CANCEL_AFTER / 3)
        if not self.is_settled:
            answer = session.post(f"{url}/v1/submissions/{self.id}/cancel", timeout=_TIMEOUT)
            if answer.status_code not in (202, 409):
                return answer
            self.cancels.append(answer.status_code)
        return None

    def _body(self) -> dict[str, Any]:
        submissions = [self._submission(name) for name in self.members]
        if self.kind is not Kind.BATCH:
            return {**submissions[0], "webhook_url": self.webhook_url}
        return {"submissions": submissions, "digest": True, "webhook_url": self.webhook_url}

    def _submission(self, name: str) -> dict[str, Any]:
        # One kind has its source in the object store, and the others in their rows.
        longer = "#" * MAX_IN_ROW if self.kind is Kind.PLAIN else ""
        body: dict[str, Any] = {
            "language": "py",
            "source": f"print(input(), end='')  # {SLOW if self.kind is Kind.CANCEL else 'quick'}{longer}",
            "email": self.email,
            "metadata": {"name": name},
        }
        if self.kind in (Kind.PLAIN, Kind.BATCH):
            return {**body, "stdin": name, "expected_output": name}
        tests = [{"stdin": f"{name}.{number}", "expected_output": f"{name}.{number}"} for number in range(3)]
        return {**body, "tests": tests}


def kinds() -> Iterator[Kind]:
    return itertools.cycle(Kind)


#: SQL: a job failed since its run alone was interrupted too (docs/adr/0005). The faults do that to any program.
IS_CULPRIT: Final = """(
    job.status = 'failed' AND job.crashes > 1 AND job.stop_reason LIKE '%stopped while it ran this program%'
)"""
_SUBMISSIONS: Final = f"""
    SELECT u.id, u.metadata ->> 'name' AS name, u.outcome, u.verdict, u.request_id, u.runs,
        (SELECT array_agg(status ORDER BY id) FROM job WHERE upload = u.id) AS jobs,
        EXISTS (SELECT FROM job WHERE upload = u.id AND {IS_CULPRIT}) AS is_culprit,
        (SELECT array_agg(results.output ORDER BY results.id) FROM results WHERE results.upload = u.id) AS outputs,
        (SELECT array_agg(convert_from(t.stdout, 'UTF8') ORDER BY t.number)
            FROM test_results t JOIN job ON job.id = t.job WHERE job.upload = u.id) AS tests,
        (SELECT array_agg(message_id) FROM emails WHERE emails.upload = u.id AND status = 'sent') AS mails,
        (SELECT count(*) FROM emails WHERE emails.upload = u.id) AS all_mails
    FROM uploads u WHERE u.spec IS NOT NULL
"""
_WEBHOOKS: Final = """
    SELECT upload, batch, type, status, 'msg_' || replace(CAST(message_id AS text), '-', '') AS name FROM webhooks
"""
_BATCHES: Final = """
    SELECT id, finished_at IS NOT NULL AS is_over,
        (SELECT array_agg(message_id) FROM emails WHERE emails.batch = batches.id AND status = 'sent') AS mails
    FROM batches
"""


def violations(system: "Installation", posted: Sequence[Posted], mails: Mapping[str, int]) -> list[str]:
    """Return what is wrong after the faults: something lost, done twice or missing. `mails` are those that arrived."""
    found: list[str] = []
    by_name: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in system.query(_SUBMISSIONS):
        by_name[row["name"]].append(row)
    webhooks: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in system.query(_WEBHOOKS):
        webhooks["upload" if row["batch"] is None else "batch", row["upload"] or row["batch"]].append(row)
    batches = {row["id"]: row for row in system.query(_BATCHES)}
    for one in posted:
        if one.accepted is None:
            found += [f"{name} was refused, and is there" for name in one.members if by_name[name] and one.kind]
            continue
        for name in one.members:
            found += [f"{name} ({one.kind}): {fault}" for fault in _faults(one, name, by_name[name], mails)]
        if one.kind is Kind.BATCH:
            batch = batches.get(one.id or 0)
            if batch is None or not batch["is_over"] or len(batch["mails"] or []) != 1:
                found.append(f"batch {one.id}: {batch}")
        expected = {f"submission.{end}" for end in ("finished", "failed", "cancelled")}
        if one.kind is Kind.BATCH:
            expected = {"batch.finished"}
        called = webhooks["batch" if one.kind is Kind.BATCH else "upload", one.id or 0]
        if [hook["status"] for hook in called] != ["delivered"] or called[0]["type"] not in expected:
            found.append(f"the webhooks of {one.members}: {called}")
        elif not system.receiver.arrived[called[0]["name"]]:
            found.append(f"the webhook of {one.members} did not arrive")
        elif one.kind is not Kind.BATCH:
            found += [
                f"the webhook of {row} is {called[0]}"
                for row in by_name[one.members[0]]
                if called[0]["type"] != f"submission.{row['outcome']}"
            ]
    known = {hook["name"] for hooks in webhooks.values() for hook in hooks}
    found += [f"a webhook arrived that is not stored: {name}" for name in system.receiver.arrived.keys() - known]
    return found + system.receiver.wrong


def _faults(one: Posted, name: str, rows: Sequence[Mapping[str, Any]], mails: Mapping[str, int]) -> Iterator[str]:
    """Yield what is wrong with a submission that was accepted."""
    if len(rows) != 1:
        yield f"it is there {len(rows)} times"
        return
    [row] = rows
    if row["request_id"] is not None or row["runs"] != 1 or len(row["jobs"] or []) != 1:
        yield f"it has not run once: {row}"
    if row["outcome"] == "cancelled":
        if one.kind is not Kind.CANCEL or row["jobs"] != ["cancelled"] or row["outputs"] or row["all_mails"]:
            yield f"it was cancelled: {row}"
        return
    if one.cancels == [202]:
        yield f"it was cancelled and has run: {row}"
    has_tests = one.kind in (Kind.TESTS, Kind.CANCEL)
    tests = [f"{name}.{number}" for number in range(3)] if has_tests else None
    outputs = [None if has_tests else name]
    if row["is_culprit"]:
        if row["outcome"] != "failed" or row["jobs"] != ["failed"] or row["outputs"]:
            yield f"it was interrupted twice and has not failed: {row}"
    elif row["outcome"] != "finished" or row["verdict"] != "accepted" or row["jobs"] != ["executed"]:
        yield f"it has another end: {row}"
    elif row["outputs"] != outputs or row["tests"] != tests:
        yield f"it has other results: {row}"
    if one.kind is Kind.BATCH:
        if row["all_mails"]:
            yield f"it was mailed beside its digest: {row}"
    elif row["all_mails"] != 1 or not mails[(row["mails"] or [""])[0]]:
        yield f"its mail did not arrive: {row}"
