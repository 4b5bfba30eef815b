"""The list of what needs an operator."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.operations import health_checks
from shared.operations.backlog import Backlog
from shared.operations.health_checks import Issue, IssueKind, issues
from shared.operations.system_status import EngineState, Retried, SystemStatus
from shared.operations.workers import Worker

ALERTS: Final = Path(__file__).parents[3] / "deploy/prometheus/alerts.yml"
PLACES: Final = (
    "requested", "outbox", "messages", "dead", "none-executed", "executing", "mails", "sending", "webhooks",
)  # fmt: skip
WORKERS: Final = [
    Worker(service, "host", 1, datetime(2026, 1, 1, tzinfo=UTC), slots=4)
    for service in ("api_service", "job_runner", "queue_consumer")
]
WELL: Final = SystemStatus(
    waits={place: Backlog(place, 0, None) for place in PLACES},
    running=[],
    workers=WORKERS,
    dead=0,
    failed_jobs=0,
    failed_mails=0,
    lacks_standby=False,
)


def waiting(place: str, seconds: float) -> SystemStatus:
    return replace(WELL, waits={**WELL.waits, place: Backlog(place, 3, seconds)})


def test_a_service_that_works_needs_nothing() -> None:
    assert issues(WELL) == []
    assert issues(waiting("none-executed", 299)) == []


def test_a_missing_process_is_the_first_trouble() -> None:
    kinds = [one.kind for one in issues(replace(WELL, workers=[], dead=7))]
    assert kinds == [IssueKind.NO_API, IssueKind.NO_RUNNER, IssueKind.NO_CONSUMER, IssueKind.DEAD_LETTERS]


def test_a_broker_that_does_not_answer_is_a_trouble() -> None:
    assert issues(replace(WELL, dead=None)) == [Issue(IssueKind.BROKER_DOWN)]


def test_a_standby_that_is_missed_is_the_worst_trouble() -> None:
    [first, *_] = issues(replace(WELL, lacks_standby=True, workers=[]))
    assert first == Issue(IssueKind.STANDBY_GONE)
    assert first.kind.stops_work


def test_a_language_that_does_not_work_is_a_trouble() -> None:
    engine = EngineState(3, datetime(2026, 1, 1, tzinfo=UTC), is_silent=False, broken=["Go", "Kotlin"])
    assert issues(replace(WELL, engine=engine)) == [Issue(IssueKind.LANGUAGES_BROKEN, 2, reason="Go, Kotlin")]


def test_what_waits_for_long_is_a_trouble() -> None:
    assert issues(waiting("none-executed", 301)) == [Issue(IssueKind.JOBS_WAIT, 3, 301)]
    assert issues(waiting("outbox", 61)) == [Issue(IssueKind.OUTBOX_STUCK, 3, 61)]
    assert issues(waiting("mails", 901)) == [Issue(IssueKind.MAILS_STUCK, 3, 901)]


def test_a_reason_why_programs_are_tried_again_is_a_trouble() -> None:
    away = Retried("the store is away", 12, 6, 90.0, others_run=False)
    [found] = issues(replace(WELL, retried=[away]))
    assert found == Issue(IssueKind.NOTHING_RUNS, 12, 90.0, "the store is away", 6)
    assert found.kind.stops_work
    [found] = issues(replace(WELL, retried=[replace(away, others_run=True)]))
    assert (found.kind, found.kind.stops_work) == (IssueKind.JOBS_RETRIED, False)


def test_what_stops_work_comes_before_what_does_not() -> None:
    system = replace(waiting("none-executed", 301), retried=[Retried("away", 1, 1, 301.0, others_run=False)])
    assert [one.kind for one in issues(system)] == [IssueKind.NOTHING_RUNS, IssueKind.JOBS_WAIT]


def test_failures_are_counted() -> None:
    found = issues(replace(WELL, dead=1, failed_jobs=2, failed_mails=3))
    assert [(one.kind, one.count) for one in found] == [
        (IssueKind.DEAD_LETTERS, 1),
        (IssueKind.JOBS_FAILED, 2),
        (IssueKind.MAILS_FAILED, 3),
    ]
    assert not any(one.kind.stops_work for one in found)


def test_the_limits_are_those_of_the_alerts() -> None:
    alerts = ALERTS.read_text()
    for place, seconds in health_checks._TOO_OLD.items():
        assert f'precieux_backlog_oldest_age_seconds{{where="{place}"}}) > {seconds}\n' in alerts
