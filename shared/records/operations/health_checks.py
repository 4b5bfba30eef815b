"""Decides what needs the operator: the same limits as the alerts of `deploy/prometheus/alerts.yml`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.records.operations.system_status import SystemStatus

#: By place of the backlog: the age of the oldest in seconds that is too much.
_TOO_OLD: Final = {"none-executed": 300, "outbox": 60, "mails": 900}


class IssueKind(StrEnum):
    """Something that an operator should act on, in the order of the page. Up to NOTHING_RUNS, it stops work."""

    STANDBY_GONE = "standby-gone"
    NO_API = "no-api"
    NO_RUNNER = "no-runner"
    NO_CONSUMER = "no-consumer"
    BROKER_DOWN = "broker-down"
    OUTBOX_STUCK = "outbox-stuck"
    MAILS_STUCK = "mails-stuck"
    MAILS_PAUSED = "mails-paused"
    NOTHING_RUNS = "nothing-runs"
    JOBS_WAIT = "jobs-wait"
    JOBS_RETRIED = "jobs-retried"
    DEAD_LETTERS = "dead-letters"
    JOBS_FAILED = "jobs-failed"
    MAILS_FAILED = "mails-failed"
    LANGUAGES_BROKEN = "languages-broken"

    @property
    def stops_work(self) -> bool:
        """Return True if programs or mails wait until it is over."""
        kinds = list(IssueKind)
        return kinds.index(self) <= kinds.index(IssueKind.NOTHING_RUNS)


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue. `count` is the number of things that it concerns, and `seconds` is the age of the oldest.

    Programs and mails are tried again for a `reason`, and the one that was tried most often was tried `attempts` times.
    For languages, `reason` is their names.
    """

    kind: IssueKind
    count: int = 0
    seconds: float = 0
    reason: str = ""
    attempts: int = 0


def issues(system: SystemStatus) -> list[Issue]:
    """Return what needs the operator, the worst first; nothing if all is well."""
    unordered = [*_processes(system), *_delays(system), *_retried(system), *_failures(system)]
    return sorted(unordered, key=lambda issue: not issue.kind.stops_work)


def _processes(system: SystemStatus) -> Iterator[Issue]:
    if system.lacks_standby:
        yield Issue(IssueKind.STANDBY_GONE)
    services = {worker.service for worker in system.workers}
    if "api_service" not in services:
        yield Issue(IssueKind.NO_API)
    if "job_runner" not in services:
        yield Issue(IssueKind.NO_RUNNER)
    if "queue_consumer" not in services:
        yield Issue(IssueKind.NO_CONSUMER)
    if system.dead is None:
        yield Issue(IssueKind.BROKER_DOWN)


def _delays(system: SystemStatus) -> Iterator[Issue]:
    for place, kind in (
        ("outbox", IssueKind.OUTBOX_STUCK),
        ("mails", IssueKind.MAILS_STUCK),
        ("none-executed", IssueKind.JOBS_WAIT),
    ):
        waiting = system.waits[place]
        # More runners do not help while there is something that they all lack.
        if kind is IssueKind.JOBS_WAIT and any(not retry.others_run or retry.are_results for retry in system.retried):
            continue
        if waiting.oldest_s is not None and waiting.oldest_s > _TOO_OLD[place]:
            yield Issue(kind, waiting.depth, waiting.oldest_s)


def _retried(system: SystemStatus) -> Iterator[Issue]:
    for retried in system.retried:
        # If the engine or the store is away, every program is tried again, and none is run.
        kind = IssueKind.JOBS_RETRIED if retried.others_run else IssueKind.NOTHING_RUNS
        yield Issue(kind, retried.count, retried.oldest_s, retried.reason, retried.attempts)
    for paused in system.paused_mails:
        yield Issue(IssueKind.MAILS_PAUSED, paused.count, paused.oldest_s, paused.reason, paused.attempts)


def _failures(system: SystemStatus) -> Iterator[Issue]:
    for kind, count in (
        (IssueKind.DEAD_LETTERS, system.dead),
        (IssueKind.JOBS_FAILED, system.failed_jobs),
        (IssueKind.MAILS_FAILED, system.failed_mails),
    ):
        if count:
            yield Issue(kind, count)
    if system.engine and system.engine.broken:
        yield Issue(IssueKind.LANGUAGES_BROKEN, len(system.engine.broken), reason=", ".join(system.engine.broken))
