"""After the database's clock was set back, no row waits for it; rows that wait for other reasons still do."""

import pytest

from job_runner import claim
from job_runner.clock_jumps import ClockJumps
from job_runner.emails import queue as mails
from shared.database.connection import Database
from tests.integration.rows import add_job, execute, fetch

pytestmark = pytest.mark.integration

LEASE = 20.0
TIMES = {
    "job": ("run_after", "created_at", "started_at", "lease_expires_at"),
    "emails": ("run_after", "created_at", "updated_at", "lease_expires_at"),
    "webhooks": ("run_after", "created_at"),
    "messages": ("visible_at", "created_at"),
}


@pytest.fixture
def jumps(database: Database) -> ClockJumps:
    return ClockJumps(database, lease_seconds=LEASE)


async def set_the_clock_back(database: Database) -> None:
    """Move the times of all rows two minutes ahead, which is the same as a clock that was set back by two."""
    for table, columns in TIMES.items():
        later = ", ".join(f"{column} = {column} + interval '2 minutes'" for column in columns)
        await execute(database, f"UPDATE {table} SET {later}")


async def seconds(database: Database, table: str, column: str = "run_after") -> list[float]:
    rows = await fetch(database, f"SELECT extract(epoch FROM {column} - now()) AS seconds FROM {table} ORDER BY id")
    return [float(str(row["seconds"])) for row in rows]


async def add_mail(database: Database) -> None:
    await execute(
        database,
        "INSERT INTO emails (kind, recipient, subject, text, html, message_id)"
        " VALUES ('result', 'someone@example.com', 'subject', 'text', 'html', '<1@example.com>')",
    )


async def add_webhook(database: Database) -> None:
    await execute(database, "INSERT INTO webhooks (type, url) VALUES ('submission.finished', 'http://example.com/')")


async def test_what_was_due_is_due_again(database: Database, jumps: ClockJumps) -> None:
    await add_job(database)
    await add_mail(database)
    await add_webhook(database)
    await set_the_clock_back(database)
    assert await jumps.run_once() == {"jobs": 1, "mails": 1, "webhooks": 1}
    for table, columns in TIMES.items():
        assert max(await seconds(database, table, columns[0])) <= 0
    assert await jumps.run_once() == {}


async def test_leases_last_as_long_as_new_ones(database: Database, jumps: ClockJumps) -> None:
    await add_job(database)
    await add_mail(database)
    await add_webhook(database)
    async with database.connection() as connection:
        assert await claim.claim(connection, limit=1, lease_seconds=LEASE)
        assert await mails.claim(connection, limit=1, lease_seconds=40)
    await execute(database, "UPDATE webhooks SET lease_id = gen_random_uuid(), run_after = now() + interval '30 s'")
    await set_the_clock_back(database)
    assert await jumps.run_once() == {"leases of jobs": 1, "leases of mails": 1, "webhooks": 1}
    [of_job] = await seconds(database, "job", "lease_expires_at")
    [of_mail] = await seconds(database, "emails", "lease_expires_at")
    [of_webhook] = await seconds(database, "webhooks")
    assert (0 < of_job <= LEASE, 0 < of_mail <= 40, 0 < of_webhook <= 30) == (True, True, True)


async def test_retries_and_running_jobs_are_left_alone(database: Database, jumps: ClockJumps) -> None:
    await add_job(database)
    await add_job(database)
    await add_mail(database)
    await add_webhook(database)
    async with database.connection() as connection:
        # Another runner may have longer leases.
        assert await claim.claim(connection, limit=1, lease_seconds=3600)
    for table, columns in TIMES.items():
        await execute(database, f"UPDATE {table} SET {columns[0]} = now() + interval '50 s'")
    assert await jumps.run_once() == {}


async def test_what_failed_after_the_jump_keeps_its_time(database: Database) -> None:
    """A row that was made in the clock's future is corrected once, and then retried as usual."""
    await add_job(database)
    await add_mail(database)
    await add_webhook(database)
    await set_the_clock_back(database)
    assert await ClockJumps(database, lease_seconds=LEASE).run_once()
    async with database.connection() as connection:
        [job] = await claim.claim(connection, limit=1, lease_seconds=LEASE)
        await claim.retry_later(connection, job.lease_id, delay=50, reason="")
        [mail] = await mails.claim(connection, limit=1, lease_seconds=LEASE)
        await mails.retry_later(connection, mail.lease_id, delay=50, error="")
    await execute(database, "UPDATE webhooks SET attempt = 1, run_after = now() + interval '50 s'")
    assert await ClockJumps(database, lease_seconds=LEASE).run_once() == {}


async def test_while_the_clock_goes_on_nothing_is_looked_for(database: Database, jumps: ClockJumps) -> None:
    await add_job(database)
    assert await jumps.run_once() == {}
    await set_the_clock_back(database)
    assert await jumps.run_once() == {}
