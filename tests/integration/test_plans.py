"""Statements of each submission keep one plan, which reads no whole table.

Postgres would plan a statement at each call if that seems cheaper.
"""

import uuid
from hashlib import sha256

import pytest

from api_service.access.principal import Principal
from api_service.submissions import rows
from api_service.submissions.new_submission import NewSubmission, Object
from job_runner.emails.sending import queue
from shared.adapters.database.connection import Connection, Database
from shared.records.accounts.api_keys import Scope
from tests.integration.fake_store import FakeStore, maker_of
from tests.integration.rows import execute

#: Postgres plans a statement so often before it decides to keep a plan for all values (`plan_cache_mode`).
FIRST = 5
CALLS = 8
#: With so many rows, the plans are those of a system in use.
ROWS = 2000
SOURCE = b"print()"


async def plans_of(connection: Connection, part: str) -> tuple[int, int]:
    """Return how often the connection's statement with this part was planned, and how often a kept plan was used."""
    row = await connection.fetch_one(
        "SELECT custom_plans, generic_plans FROM pg_prepared_statements"
        " WHERE strpos(statement, :part) > 0 AND strpos(statement, 'pg_prepared_statements') = 0",
        {"part": part},
    )
    assert row is not None
    return row["custom_plans"], row["generic_plans"]


async def add_uploads(database: Database) -> None:
    await execute(database, f"INSERT INTO uploads (email) SELECT 'a' FROM generate_series(1, {ROWS})")
    await execute(database, "ANALYZE uploads")


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "next"])
async def test_insertions_of_submissions_keep_a_plan(database: Database, chosen: bool) -> None:
    await add_uploads(database)
    async with database.transaction() as connection:
        for number in range(CALLS):
            new = NewSubmission("python", "p.py", Object(SOURCE, "py"), id=2 * ROWS + number if chosen else None)
            assert await rows.insert_all(connection, Principal(None, frozenset(Scope)), [(new, "0" * 64, None)])
        assert await plans_of(connection, "INSERT INTO uploads") == (FIRST, CALLS - FIRST)


async def test_the_read_of_a_batchs_submissions_keeps_a_plan(database: Database) -> None:
    await add_uploads(database)
    async with database.transaction() as connection:
        for _ in range(CALLS):
            await maker_of(database, FakeStore())._uploads({1})
        assert await plans_of(connection, "coalesce(size_bytes") == (FIRST, CALLS - FIRST)


async def test_the_record_of_sent_mails_keeps_a_plan(database: Database) -> None:
    await execute(
        database,
        "INSERT INTO emails (kind, recipient, subject, text, html, message_id)"
        f" SELECT 'result', 'a', 's', 't', 'h', n FROM generate_series(1, {ROWS}) AS n",
    )
    await execute(database, "ANALYZE emails")
    async with database.transaction() as connection:
        for number in range(1, CALLS + 1):
            await queue.mark_sent(connection, [(number, str(uuid.uuid4()))])
        assert await plans_of(connection, "AS accepted") == (FIRST, CALLS - FIRST)
        row = await connection.fetch_one("SELECT count(*) AS sent FROM emails WHERE status = 'sent'")
        assert row is not None
        assert row["sent"] == CALLS


async def test_plans_that_are_made_for_small_tables_serve_large_ones(database: Database) -> None:
    await execute(database, "ANALYZE")
    store = FakeStore()
    async with database.transaction() as connection:
        for _ in range(CALLS):
            new = NewSubmission("python", "p.py", Object(SOURCE, "py"))
            left = [(new, sha256(SOURCE).hexdigest(), None)]
            [stored] = (await rows.insert_all(connection, Principal(None, frozenset(Scope)), left)).values()
            store.objects[f"{stored.id}.py"] = SOURCE
            assert await maker_of(database, store).make(str(stored.id).encode(), None)
        # Otherwise a server before version 18 compiles what it scans nevertheless, in 150 ms each time.
        [row] = await connection.fetch_all("SHOW jit")
        assert row["jit"] == "off"
        scanned = await connection.fetch_all("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0")
    assert [row["relname"] for row in scanned] == []
