"""Makes the charts of the operator's page, and their tables, from the recorded minutes. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from api_service.background.metrics_history import Figures, Minute
from shared.engine_api.codex import Verdict

#: Mails that arrived or are on their way; the others failed.
_ARRIVED: Final = frozenset({"sent", "delivered", "deferred"})
_GOOD: Final = frozenset({Verdict.OK, Verdict.ACCEPTED})
_LIMITS: Final = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})
#: Failures of ours, not of programs: `failed` is a job that could not be run.
_OURS: Final = frozenset({Verdict.INTERNAL_ERROR, "failed"})
_CANCELLED: Final = frozenset({"cancelled"})


def _count(counts: Mapping[str, int], names: Collection[str]) -> int:
    return sum(counts.get(name, 0) for name in names)


def _latency(figures: Figures, place: int) -> float | None:
    return round(figures.latency_s[place], 3) if figures.latency_s else None


_Columns = Mapping[str, Callable[[Figures], float | None]]
#: What waits and takes time. Of an hour, the worst minute is shown.
_LEVELS: Final[_Columns] = {
    "waiting": lambda figures: figures.waiting,
    "running": lambda figures: figures.running,
    "mails_waiting": lambda figures: figures.mails_waiting,
    "oldest": lambda figures: round(figures.oldest_s, 1),
    "p50": lambda figures: _latency(figures, 0),
    "p95": lambda figures: _latency(figures, 1),
    "p99": lambda figures: _latency(figures, 2),
}
#: What is counted. Of an hour, the sum is shown. `errors` did not compile, crashed, or gave a wrong answer.
_COUNTS: Final[Mapping[str, Callable[[Figures], int]]] = {
    "ended": lambda figures: sum(figures.ended.values()),
    "good": lambda figures: _count(figures.ended, _GOOD),
    "errors": lambda figures: sum(figures.ended.values()) - _count(figures.ended, _GOOD | _LIMITS | _OURS | _CANCELLED),
    "limits": lambda figures: _count(figures.ended, _LIMITS),
    "failed": lambda figures: _count(figures.ended, _OURS),
    "arrived": lambda figures: _count(figures.mails, _ARRIVED),
    "not_arrived": lambda figures: sum(figures.mails.values()) - _count(figures.mails, _ARRIVED),
}


def hours(minutes: Sequence[Minute]) -> list[dict[str, Any]]:
    """Return the columns of each hour of the minutes, and its beginning as `at`, the latest hour first."""
    groups = groupby(minutes, lambda minute: minute.at.replace(minute=0))
    return [{"at": at, **_hour([minute.figures for minute in group])} for at, group in groups][::-1]


def series_of(minutes: Sequence[Minute]) -> dict[str, list[float | None]]:
    """Return the minutes by column, each as long as `minute`, which has seconds since the epoch; None for no value."""
    columns = {name: [value(minute.figures) for minute in minutes] for name, value in {**_LEVELS, **_COUNTS}.items()}
    return {"minute": [int(minute.at.timestamp()) for minute in minutes], **columns}


def _hour(figures: Sequence[Figures]) -> dict[str, float | None]:
    levels = {
        name: [level for minute in figures if (level := value(minute)) is not None] for name, value in _LEVELS.items()
    }
    return {
        **{name: max(values, default=None) for name, values in levels.items()},
        **{name: sum(map(value, figures)) for name, value in _COUNTS.items()},
    }
