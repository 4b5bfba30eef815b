"""Makes the charts of the operator's page, and their tables, from the recorded minutes. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api_service.series import Minute
from shared.codex import Verdict

#: The latencies that are drawn, as `Figures.latency_s` orders them.
PERCENTILES: Final = ("p50", "p95", "p99")
#: Mails that arrived or are on their way; the others failed.
_ARRIVED: Final = frozenset({"sent", "delivered", "deferred"})
_GOOD: Final = frozenset({Verdict.OK, Verdict.ACCEPTED})
_LIMITS: Final = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})
#: Failures of ours, not of programs: `failed` is a job that could not be run.
_OURS: Final = frozenset({Verdict.INTERNAL_ERROR, "failed"})
_CANCELLED: Final = frozenset({"cancelled"})


@dataclass(frozen=True, slots=True)
class Hour:
    """The figures of an hour. What is counted is added up, and of what waits and takes time the worst is kept."""

    at: datetime
    waiting: int
    oldest_s: float
    ended: int
    good: int
    errors: int
    limits: int
    failed: int
    p50: float | None
    p99: float | None
    arrived: int
    not_arrived: int


def hours(minutes: Sequence[Minute]) -> list[Hour]:
    """Return the hours of the minutes, the latest first."""
    found: dict[datetime, list[Minute]] = {}
    for minute in minutes:
        found.setdefault(minute.at.replace(minute=0), []).append(minute)
    return [_hour(at, found[at]) for at in sorted(found, reverse=True)]


def series_of(minutes: Sequence[Minute]) -> dict[str, Any]:
    """Return the minutes by column, each as long as `minute`, which has seconds since the epoch; None for no value."""
    figures = [one.figures for one in minutes]
    return {
        "minute": [int(one.at.timestamp()) for one in minutes],
        "waiting": [one.waiting for one in figures],
        "running": [one.running for one in figures],
        "oldest": [round(one.oldest_s, 1) for one in figures],
        **{
            name: [round(one.latency_s[place], 3) if one.latency_s else None for one in figures]
            for place, name in enumerate(PERCENTILES)
        },
        "good": [_count(one.ended, _GOOD) for one in figures],
        "errors": [_errors(one.ended) for one in figures],
        "limits": [_count(one.ended, _LIMITS) for one in figures],
        "failed": [_count(one.ended, _OURS) for one in figures],
        "arrived": [_count(one.mails, _ARRIVED) for one in figures],
        "not_arrived": [sum(one.mails.values()) - _count(one.mails, _ARRIVED) for one in figures],
        "mails_waiting": [one.mails_waiting for one in figures],
    }


def _hour(at: datetime, minutes: Sequence[Minute]) -> Hour:
    figures = [one.figures for one in minutes]
    ended: Counter[str] = sum((Counter(one.ended) for one in figures), Counter())
    mails: Counter[str] = sum((Counter(one.mails) for one in figures), Counter())
    latencies = [one.latency_s for one in figures if one.latency_s]
    return Hour(
        at=at,
        waiting=max(one.waiting for one in figures),
        oldest_s=max(one.oldest_s for one in figures),
        ended=ended.total(),
        good=_count(ended, _GOOD),
        errors=_errors(ended),
        limits=_count(ended, _LIMITS),
        failed=_count(ended, _OURS),
        p50=max((one[0] for one in latencies), default=None),
        p99=max((one[2] for one in latencies), default=None),
        arrived=_count(mails, _ARRIVED),
        not_arrived=mails.total() - _count(mails, _ARRIVED),
    )


def _errors(ended: Mapping[str, int]) -> int:
    """Return how many programs did not compile, crashed, or gave a wrong answer."""
    return sum(ended.values()) - _count(ended, _GOOD | _LIMITS | _OURS | _CANCELLED)


def _count(counts: Mapping[str, int], names: Collection[str]) -> int:
    return sum(counts.get(name, 0) for name in names)
