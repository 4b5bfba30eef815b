"""The observer sees each violation: the true record of two submissions, with one false entry in it."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.chaos import invariants, v1
from tests.chaos.installation import Installation
from tests.chaos.invariants import Verdict, judge
from tests.chaos.load import Load, Submission
from tests.chaos.v1 import Kind, Posted
from tests.fixtures.mailgun_server import Accepted

CLASSIC = {
    "upload": 1_000_001,
    "job": 7,
    "status": "executed",
    "output": "1",
    "message_id": "<a>",
    "mail": "sent",
    "recipient": "sender-1@example.com",
    "seconds": 0.5,
}
POSTED = {
    "id": 5,
    "name": "v1",
    "outcome": "finished",
    "verdict": "accepted",
    "request_id": None,
    "runs": 1,
    "jobs": ["executed"],
    "outputs": ["v1"],
    "tests": None,
    "mails": ["<b>"],
    "all_mails": 1,
}
WEBHOOK = {"upload": 5, "batch": None, "type": "submission.finished", "status": "delivered", "name": "msg_1"}


@dataclass
class Record:
    """The contents of the database, the mailbox and the receiver of webhooks after a storm."""

    classic: list[dict[str, Any]] = field(default_factory=lambda: [dict(CLASSIC)])
    posted: list[dict[str, Any]] = field(default_factory=lambda: [deepcopy(POSTED)])
    webhooks: list[dict[str, Any]] = field(default_factory=lambda: [dict(WEBHOOK)])
    written: list[str] = field(default_factory=lambda: ["<a>", "<b>"])
    mailbox: list[str] = field(default_factory=lambda: ["<a>", "<b>", "<b>"])
    received: list[str] = field(default_factory=lambda: ["msg_1"])
    wrong: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def judged(self) -> Verdict:
        """Compare it with the ledger of clients. Both submissions were accepted."""
        load = Load("http://127.0.0.1:9")
        load.submissions = [Submission(1, tries=1, accepted=1.0)]
        load.posted = [Posted(1, Kind.PLAIN, "http://127.0.0.1:9", accepted=1.0, id=5)]
        load.strange = self.strange
        return judge(cast("Installation", self), load)

    @property
    def mailgun(self) -> Any:
        return _Holder(accepted=[Accepted("", "", {"h:Message-Id": name}) for name in self.mailbox])

    @property
    def receiver(self) -> Any:
        return _Holder(arrived=Counter(self.received), wrong=self.wrong)

    def query(self, sql: str) -> list[dict[str, Any]]:
        rows = {
            invariants._ENDS: self.classic,
            v1._SUBMISSIONS: self.posted,
            v1._WEBHOOKS: self.webhooks,
            v1._BATCHES: [],
        }
        return rows.get(sql, [{"message_id": name} for name in self.written])


class _Holder:
    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def test_a_true_record_has_no_violations() -> None:
    verdict = Record().judged()
    assert verdict.violations == []
    assert (verdict.accepted, verdict.repeats) == (2, 1)


@pytest.mark.parametrize(
    ("false", "finding"),
    [
        (Record(classic=[]), "submission 1 was accepted and lost"),
        (Record(classic=[CLASSIC | {"status": "none-executed"}]), "submission 1 was accepted and lost"),
        (Record(classic=[CLASSIC, CLASSIC | {"job": 8}]), "submission 1 was requested 1 times"),
        (Record(classic=[CLASSIC, CLASSIC]), "submission 1 was requested 1 times"),
        (Record(classic=[CLASSIC | {"output": "2"}]), "submission 1 got the result '2'"),
        (Record(classic=[CLASSIC | {"mail": "queued"}]), "did not arrive"),
        (Record(classic=[CLASSIC | {"recipient": "other@example.com"}]), "did not arrive"),
        (Record(mailbox=["<b>"]), "did not arrive"),
        (Record(mailbox=["<a>", "<b>", "<c>"]), "a mail that nobody wrote arrived: <c>"),
        (Record(posted=[]), "v1 (plain): it is there 0 times"),
        (Record(posted=[POSTED, POSTED]), "v1 (plain): it is there 2 times"),
        (Record(posted=[POSTED | {"jobs": ["executed", "executed"]}]), "it has not run once"),
        (Record(posted=[POSTED | {"outcome": "failed"}]), "it has another end"),
        (Record(posted=[POSTED | {"outputs": ["v1", "v1"]}]), "it has other results"),
        (Record(mailbox=["<a>"]), "its mail did not arrive"),
        (Record(webhooks=[]), "the webhooks of ['v1']: []"),
        (Record(webhooks=[WEBHOOK, WEBHOOK]), "the webhooks of ['v1']"),
        (Record(webhooks=[WEBHOOK | {"type": "submission.cancelled"}]), "the webhook of {'id': 5"),
        (Record(received=[]), "the webhook of ['v1'] did not arrive"),
        (Record(received=["msg_1", "msg_2"]), "a webhook arrived that is not stored: msg_2"),
        (Record(wrong=["webhook msg_1 came with two bodies"]), "webhook msg_1 came with two bodies"),
        (Record(strange=["500: oops"]), "the API answered 500: oops"),
    ],
)
def test_a_false_entry_is_seen(false: Record, finding: str) -> None:
    assert any(finding in violation for violation in false.judged().violations)
