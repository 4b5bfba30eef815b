"""The figures over time: the first API process records them each minute, and they are kept for a day."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from api_service.background import metrics_history
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from tests.fixtures.postgres import connected, url_of
from tests.integration.rows import add_job, execute, fetch

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def end_job(database: Database, *, verdict: str | None, seconds: float, status: str = "executed") -> None:
    """Add a job that ended in the last whole minute, `seconds` after its request."""
    job = await add_job(database)
    await execute(
        database,
        "UPDATE job SET status = :status, finished_at = date_trunc('minute', now() - interval '65 seconds'),"
        " requested_at = date_trunc('minute', now() - interval '65 seconds') - make_interval(secs => :seconds)"
        " WHERE id = :job",
        job=job, status=status, seconds=seconds,
    )  # fmt: skip
    await execute(
        database, "UPDATE uploads SET request_id = NULL WHERE id = (SELECT upload FROM job WHERE id = :job)", job=job
    )
    if verdict:
        await execute(database, "INSERT INTO results (job, verdict) VALUES (:job, :verdict)", job=job, verdict=verdict)


async def record(database: Database) -> metrics_history.Minute | None:
    async with database.transaction() as connection:
        return await metrics_history.record(connection)


async def test_a_minutes_figures_are_counted(database: Database) -> None:
    for seconds in (1.0, 2.0, 3.0):
        await end_job(database, verdict="ok", seconds=seconds)
    await end_job(database, verdict="time_limit", seconds=4.0)
    await end_job(database, verdict=None, seconds=9.0, status="failed")
    await execute(
        database,
        "INSERT INTO emails (kind, status, updated_at)"
        " VALUES ('result', 'sent', date_trunc('minute', now() - interval '65 seconds')), ('result', 'queued', now())",
    )
    await add_job(database)
    await execute(database, "UPDATE uploads SET requested_at = now() - interval '90 s' WHERE request_id IS NOT NULL")
    minute = await record(database)
    assert minute is not None
    figures = minute.figures
    assert figures.ended == {"ok": 3, "time_limit": 1, "failed": 1}
    assert figures.mails == {"sent": 1}
    assert figures.latency_s[0] == pytest.approx(2.5)
    assert (figures.waiting, figures.mails_waiting) == (1, 1)
    assert figures.oldest_s == pytest.approx(90, abs=10)
    async with database.connection() as connection:
        assert await metrics_history.read(connection, LONG_AGO) == [minute]
        assert await metrics_history.read(connection, minute.at) == []


async def test_of_many_processes_one_records_a_minute(database: Database, database_url: str) -> None:
    async with connected(url_of(Role.API, database_url)) as other:
        recorded = await asyncio.gather(record(database), record(other), record(database), record(other))
    # They may straddle the end of a minute.
    assert sum(minute is not None for minute in recorded) in (1, 2)
    rows = await fetch(database, "SELECT minute, figures ->> 'waiting' AS waiting FROM series")
    assert [row["waiting"] for row in rows] == ["0"] * len(rows)


async def test_a_day_of_minutes_is_kept(database: Database) -> None:
    await execute(
        database,
        "INSERT INTO series (minute) SELECT date_trunc('minute', now()) - make_interval(mins => n)"
        " FROM generate_series(3, 3000) AS n",
    )
    minute = await record(database)
    assert minute is not None
    async with database.connection() as connection:
        kept = await metrics_history.read(connection, LONG_AGO)
    assert kept[0].at == minute.at - timedelta(days=1)
    assert kept[-1].at == minute.at
