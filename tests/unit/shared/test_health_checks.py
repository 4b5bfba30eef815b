"""The list of what needs an operator."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from shared.records.operations import health_checks
from shared.records.operations.backlog import Backlog
from shared.records.operations.health_checks import Issue, IssueKind, issues
from shared.records.operations.system_status import EngineState, Retried, SystemStatus
from shared.records.operations.workers import Worker

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


AWAY: Final = Retried("the store is away", 12, 6, 90.0, others_run=False)
ENGINE: Final = EngineState(3, datetime(2026, 1, 1, tzinfo=UTC), is_silent=False, broken=["Go", "Kotlin"])


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (WELL, []),
        (waiting("none-executed", 299), []),
        (waiting("none-executed", 301), [Issue(IssueKind.JOBS_WAIT, 3, 301)]),
        (waiting("outbox", 61), [Issue(IssueKind.OUTBOX_STUCK, 3, 61)]),
        (waiting("mails", 901), [Issue(IssueKind.MAILS_STUCK, 3, 901)]),
        (replace(WELL, dead=None), [Issue(IssueKind.BROKER_DOWN)]),
        (replace(WELL, engine=ENGINE), [Issue(IssueKind.LANGUAGES_BROKEN, 2, reason="Go, Kotlin")]),
        (replace(WELL, retried=[AWAY]), [Issue(IssueKind.NOTHING_RUNS, 12, 90.0, "the store is away", 6)]),
        (replace(WELL, paused_mails=[AWAY]), [Issue(IssueKind.MAILS_PAUSED, 12, 90.0, "the store is away", 6)]),
        (
            replace(WELL, retried=[replace(AWAY, others_run=True)]),
            [Issue(IssueKind.JOBS_RETRIED, 12, 90.0, "the store is away", 6)],
        ),
        (
            replace(WELL, dead=1, failed_jobs=2, failed_mails=3),
            [Issue(IssueKind.DEAD_LETTERS, 1), Issue(IssueKind.JOBS_FAILED, 2), Issue(IssueKind.MAILS_FAILED, 3)],
        ),
    ],
)
def test_what_needs_an_operator(system: SystemStatus, expected: list[Issue]) -> None:
    assert issues(system) == expected


@pytest.mark.parametrize(
    ("system", "stop_work", "others"),
    [
        (
            replace(WELL, lacks_standby=True, workers=[], dead=7),
            [IssueKind.STANDBY_GONE, IssueKind.NO_API, IssueKind.NO_RUNNER, IssueKind.NO_CONSUMER],
            [IssueKind.DEAD_LETTERS],
        ),
        (
            replace(waiting("none-executed", 301), retried=[AWAY], failed_jobs=1),
            [IssueKind.NOTHING_RUNS],
            [IssueKind.JOBS_FAILED],
        ),
        (
            replace(waiting("none-executed", 301), retried=[replace(AWAY, others_run=True)]),
            [],
            [IssueKind.JOBS_WAIT, IssueKind.JOBS_RETRIED],
        ),
        (
            replace(waiting("none-executed", 301), retried=[replace(AWAY, others_run=True, are_results=True)]),
            [],
            [IssueKind.JOBS_RETRIED],
        ),
    ],
)
def test_what_stops_work_comes_first(system: SystemStatus, stop_work: list[IssueKind], others: list[IssueKind]) -> None:
    kinds = [one.kind for one in issues(system)]
    assert kinds == stop_work + others
    assert [kind for kind in kinds if kind.stops_work] == stop_work


def test_the_limits_are_those_of_the_alerts() -> None:
    alerts = ALERTS.read_text()
    for place, seconds in health_checks._TOO_OLD.items():
        assert f'precieux_backlog_oldest_age_seconds{{where="{place}"}}) > {seconds}\n' in alerts
