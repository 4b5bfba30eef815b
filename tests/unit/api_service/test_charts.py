"""The lines of the charts, and their tables."""

from datetime import UTC, datetime, timedelta

from api_service.background.charts import hours, series_of
from api_service.background.metrics_history import Figures, Minute

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BUSY = Figures(
    waiting=9,
    oldest_s=30.04,
    ended={
        "ok": 3, "accepted": 1, "memory_limit": 1, "compile_error": 2, "internal_error": 1, "failed": 1, "cancelled": 5,
    },
    mails={"sent": 4, "delivered": 2, "refused": 1, "suppressed": 1},
    latency_s=(0.2, 0.5, 1.25),
)  # fmt: skip
QUIET = Figures()


def test_an_hour_adds_up_and_keeps_the_worst() -> None:
    minutes = [Minute(NOON, BUSY), Minute(NOON + timedelta(minutes=1), BUSY), Minute(NOON + timedelta(hours=1), QUIET)]
    [later, hour] = hours(minutes)
    worst = {"at": NOON, "waiting": 9, "running": 0, "oldest": 30.0, "p50": 0.2, "p95": 0.5, "p99": 1.25}
    counts = {"ended": 28, "good": 8, "errors": 4, "limits": 2, "failed": 4, "arrived": 12, "not_arrived": 4}
    assert hour == {**worst, **counts, "mails_waiting": 0}
    assert (later["at"], later["ended"], later["p50"]) == (NOON + timedelta(hours=1), 0, None)


def test_a_minute_without_results_has_no_latency() -> None:
    columns = series_of([Minute(NOON, BUSY), Minute(NOON + timedelta(minutes=1), QUIET)])
    assert columns["p50"] == [0.2, None]
    assert columns["errors"] == [2, 0]
    assert {len(column) for column in columns.values()} == {2}
