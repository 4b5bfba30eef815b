"""Decides what needs the operator: the same limits as the alerts of `deploy/prometheus/alerts.yml`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.operations.system_status import Operation

#: By place of the backlog: the age of the oldest in seconds that is too much.
_TOO_OLD: Final = {"none-executed": 300, "outbox": 60, "mails": 900}


class Trouble(StrEnum):
    """Something that an operator should act on, in the order of the page."""

    STANDBY_GONE = "standby-gone"
    NO_API = "no-api"
    NO_RUNNER = "no-runner"
    NO_CONSUMER = "no-consumer"
    BROKER_DOWN = "broker-down"
    OUTBOX_STUCK = "outbox-stuck"
    MAILS_STUCK = "mails-stuck"
    NOTHING_RUNS = "nothing-runs"
    JOBS_WAIT = "jobs-wait"
    JOBS_RETRIED = "jobs-retried"
    DEAD_LETTERS = "dead-letters"
    JOBS_FAILED = "jobs-failed"
    MAILS_FAILED = "mails-failed"

    @property
    def stops_work(self) -> bool:
        """Return True if programs or mails wait until the trouble is over."""
        return self in _STOPS_WORK


_STOPS_WORK: Final = frozenset(
    {
        Trouble.STANDBY_GONE,
        Trouble.NO_API,
        Trouble.NO_RUNNER,
        Trouble.NO_CONSUMER,
        Trouble.BROKER_DOWN,
        Trouble.OUTBOX_STUCK,
        Trouble.MAILS_STUCK,
        Trouble.NOTHING_RUNS,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A trouble. `count` is the number of things that it concerns, and `seconds` is the age of the oldest.

    Programs are tried again for a `reason`, and the one that was tried most often was tried `attempts` times.
    """

    trouble: Trouble
    count: int = 0
    seconds: float = 0
    reason: str = ""
    attempts: int = 0


def findings(operation: Operation) -> list[Finding]:
    """Return what needs the operator, the worst first; nothing if all is well."""
    found = [*_processes(operation), *_delays(operation), *_retried(operation), *_failures(operation)]
    return sorted(found, key=lambda one: not one.trouble.stops_work)


def _processes(operation: Operation) -> Iterator[Finding]:
    if operation.lacks_standby:
        yield Finding(Trouble.STANDBY_GONE)
    services = {one.service for one in operation.workers}
    if "api_service" not in services:
        yield Finding(Trouble.NO_API)
    if "job_runner" not in services:
        yield Finding(Trouble.NO_RUNNER)
    if "queue_consumer" not in services:
        yield Finding(Trouble.NO_CONSUMER)
    if operation.dead is None:
        yield Finding(Trouble.BROKER_DOWN)


def _delays(operation: Operation) -> Iterator[Finding]:
    for place, trouble in (
        ("outbox", Trouble.OUTBOX_STUCK),
        ("mails", Trouble.MAILS_STUCK),
        ("none-executed", Trouble.JOBS_WAIT),
    ):
        waiting = operation.waits[place]
        if waiting.oldest_s is not None and waiting.oldest_s > _TOO_OLD[place]:
            yield Finding(trouble, waiting.depth, waiting.oldest_s)


def _retried(operation: Operation) -> Iterator[Finding]:
    for one in operation.retried:
        # If the engine or the store is away, every program is tried again, and none is run.
        trouble = Trouble.JOBS_RETRIED if one.others_run else Trouble.NOTHING_RUNS
        yield Finding(trouble, one.count, one.oldest_s, one.reason, one.attempts)


def _failures(operation: Operation) -> Iterator[Finding]:
    for trouble, count in (
        (Trouble.DEAD_LETTERS, operation.dead),
        (Trouble.JOBS_FAILED, operation.failed_jobs),
        (Trouble.MAILS_FAILED, operation.failed_mails),
    ):
        if count:
            yield Finding(trouble, count)
