"""The lines of the charts, and their tables."""

from datetime import UTC, datetime, timedelta

from api_service.charts import hours, series_of
from api_service.series import Figures, Minute

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
    assert (hour.at, later.at) == (NOON, NOON + timedelta(hours=1))
    assert (hour.waiting, hour.oldest_s, hour.p50, hour.p99) == (9, 30.04, 0.2, 1.25)
    assert (hour.ended, hour.good, hour.errors, hour.limits, hour.failed) == (28, 8, 4, 2, 4)
    assert (hour.arrived, hour.not_arrived) == (12, 4)
    assert (later.ended, later.p50) == (0, None)


def test_a_minute_without_results_has_no_latency() -> None:
    columns = series_of([Minute(NOON, BUSY), Minute(NOON + timedelta(minutes=1), QUIET)])
    assert columns["p50"] == [0.2, None]
    assert columns["errors"] == [2, 0]
    assert {len(column) for column in columns.values()} == {2}


def test_no_minutes_give_empty_columns() -> None:
    assert hours([]) == []
    assert set(map(len, series_of([]).values())) == {0}
