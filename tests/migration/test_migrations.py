"""The schema that the migrations make, and what they do with the rows of earlier ones."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from shared.adapters.database.connection import Database
from shared.adapters.database.migrate import alembic_config
from shared.adapters.database.schema import require_current, revisions
from shared.common.service.errors import ConfigurationError
from shared.records.mail.suppressions import suppressed
from tests.fixtures.postgres import connected
from tests.migration.locks import upgrade
from tests.migration.schema import differences


@pytest.fixture
async def connection(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def test_the_migrations_arrive_at_the_schema(empty_database_url: str) -> None:
    upgrade(empty_database_url, "head")
    assert await differences(empty_database_url) == set()


async def test_the_originals_database_is_upgraded_in_place(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    # The original's own statements: no sequence on uploads, statuses by hand.
    await connection.execute("""
        CREATE TABLE uploads (id INTEGER PRIMARY KEY, email TEXT, inputs TEXT, language TEXT, enable INTEGER);
        CREATE TABLE job (id SERIAL PRIMARY KEY, upload INTEGER REFERENCES uploads (id), job VARCHAR,
            status VARCHAR DEFAULT 'none-executed');
        INSERT INTO uploads VALUES (7, 'a@example.com', 'in', 'python', 0), (12, 'b@example.com', '', 'c', 1);
        INSERT INTO job (upload, job, status) VALUES (7, '{}', 'executed'), (12, '{}', 'none-executed');
    """)
    upgrade(empty_database_url, "head")
    assert await differences(empty_database_url) == set()
    uploads = await connection.fetch("SELECT id, email, inputs, language, enable FROM uploads ORDER BY id")
    assert [tuple(row) for row in uploads] == [
        (7, "a@example.com", "in", "python", 0),
        (12, "b@example.com", "", "c", 1),
    ]
    jobs = await connection.fetch("SELECT id, upload, status FROM job ORDER BY id")
    assert [tuple(row) for row in jobs] == [(1, 7, "executed"), (2, 12, "none-executed")]
    next_upload = await connection.fetchval("INSERT INTO uploads (email) VALUES ('c@example.com') RETURNING id")
    assert next_upload == 13
    assert await connection.fetchval("INSERT INTO job (upload, job) VALUES (7, '{}') RETURNING id") == 3


async def test_waiting_jobs_get_turns_by_key_and_keep_their_order(
    empty_database_url: str, connection: asyncpg.Connection
) -> None:
    upgrade(empty_database_url, "0005")
    await connection.execute("""
        INSERT INTO api_keys (id, name, sha256, scopes) VALUES (3, 'course', 'x', '{submit}');
        INSERT INTO uploads (id, email, owner)
        SELECT n, 'a@example.com', CASE WHEN n > 3 THEN 3 END FROM generate_series(1, 6) AS n;
        INSERT INTO job (id, upload, job, sender, turn, status)
        SELECT n, n, '{}', 'a@example.com', 10 - n, CASE n WHEN 2 THEN 'executed' ELSE 'none-executed' END
        FROM generate_series(1, 6) AS n
    """)
    upgrade(empty_database_url, "head")
    jobs = await connection.fetch("SELECT id, owner, turn, place FROM job WHERE id != 2 ORDER BY owner, turn")
    assert [tuple(job) for job in jobs] == [(3, 0, 0, 7), (1, 0, 1, 9), (6, 3, 0, 4), (5, 3, 1, 5), (4, 3, 2, 6)]


async def test_suppressions_keep_their_spelling(empty_database_url: str, connection: asyncpg.Connection) -> None:
    upgrade(empty_database_url, "0005")
    spellings = ["o.ptout+x@googlemail.com", "Optout@gmail.com", "a@example.com"]
    await connection.executemany(
        "INSERT INTO suppressions (email, reason) VALUES ($1, 'unsubscribed')", [(email,) for email in spellings]
    )
    upgrade(empty_database_url, "head")
    # The previous release writes this one during the upgrade; both are found, this one by its spelling.
    await connection.execute("INSERT INTO suppressions (email, reason) VALUES ('Late@example.com', 'unsubscribed')")
    async with connected(empty_database_url) as database, database.transaction() as there:
        addresses = {"opt.out@gmail.com", "A+1@example.com", "Late@example.com", "b@example.com"}
        assert await suppressed(there, addresses) == addresses - {"b@example.com"}


@pytest.mark.parametrize("revision", [None, "0001"])
async def test_a_service_refuses_an_older_schema_and_says_what_to_run(
    empty_database_url: str, revision: str | None
) -> None:
    if revision is not None:
        upgrade(empty_database_url, revision)
    async with connected(empty_database_url) as database:
        with pytest.raises(ConfigurationError, match="precieux migrate"):
            await require_current(database)


async def test_a_service_runs_on_its_own_schema_and_on_a_newer_one(database: Database) -> None:
    await require_current(database)
    async with database.transaction() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    await require_current(database)


@pytest.mark.slow
async def test_two_upgrades_at_once_do_not_disturb_each_other(empty_database_url: str) -> None:
    environment = {**os.environ, "PRECIEUX_DATABASE_URL": empty_database_url}
    command = (sys.executable, "-m", "shared.adapters.database.migrate")
    upgrades = [await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(3)]
    async with asyncio.timeout(60):
        assert [await upgrade.wait() for upgrade in upgrades] == [0, 0, 0]
    assert await differences(empty_database_url) == set()


def test_the_known_revisions_are_alembics() -> None:
    """The services do not load Alembic, so they read the revisions from the names of the files."""
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    assert revisions() == [revision.revision for revision in script.walk_revisions()][::-1]
