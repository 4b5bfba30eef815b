"""The pool's connections: which task uses which, and that a cancelled task loses none."""

import asyncio
import contextlib
import random

import asyncpg
import pytest

from shared.adapters.database.connection import Database
from shared.common.service.errors import DatabaseConflict, DatabaseFull, DatabaseTooSlow, DatabaseUnavailable
from tests.fixtures.postgres import connected

COUNT = "SELECT count(*) AS n FROM suppressions"


async def suppress(database: Database, email: str) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO suppressions (email, reason) VALUES (:email, 'test')", {"email": email})


async def count(database: Database) -> int:
    async with database.connection() as connection:
        row = await connection.fetch_one(COUNT)
    assert row is not None
    return int(row["n"])


async def test_a_lone_statement_is_committed(database: Database) -> None:
    await suppress(database, "a@example.com")
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction():
            await suppress(database, "b@example.com")
            assert await count(database) == 2
            raise ZeroDivisionError
    assert await count(database) == 1


async def test_a_transaction_within_one_is_a_savepoint_of_it(database: Database) -> None:
    async with database.transaction():
        await suppress(database, "a@example.com")
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction():
                await suppress(database, "b@example.com")
                raise ZeroDivisionError
        assert await count(database) == 1
    assert await count(database) == 1


async def test_execute_many_is_all_or_nothing(database: Database) -> None:
    insert = "INSERT INTO suppressions (email, reason) VALUES (:email, 'test') RETURNING email"
    async with database.connection() as connection:
        rows = await connection.fetch_each(insert, [{"email": "a@example.com"}, {"email": "b@example.com"}])
        assert [row["email"] for row in rows] == ["a@example.com", "b@example.com"]
        assert await connection.fetch_each(insert, []) == []
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.fetch_each(insert, [{"email": "c@example.com"}, {"email": "a@example.com"}])
    assert await count(database) == 2


async def test_a_child_task_is_outside_its_parents_transaction(database: Database) -> None:
    async with database.transaction():
        await suppress(database, "a@example.com")
        assert await asyncio.create_task(count(database)) == 0
    assert await count(database) == 1


async def test_a_cancelled_task_loses_no_connection(database: Database) -> None:
    rng = random.Random(5)

    async def work() -> int:
        try:
            while True:
                async with database.transaction() as connection:
                    await connection.fetch_one("SELECT 1")
        except asyncio.CancelledError:
            # As a runner that stops: it hands its job back.
            return await count(database)

    for _ in range(40):
        tasks = [asyncio.create_task(work()) for _ in range(5)]
        await asyncio.sleep(rng.uniform(0.001, 0.01))
        for task in tasks:
            task.cancel()
        assert await asyncio.gather(*tasks) == [0] * 5
    assert database.connections()["busy"] == 0


async def test_a_deadlock_is_a_conflict_that_may_be_tried_again(database: Database) -> None:
    await suppress(database, "a@example.com")
    await suppress(database, "b@example.com")
    both_hold = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with database.transaction() as connection:
            for email in (first, second):
                await connection.execute("SELECT FROM suppressions WHERE email = :email FOR UPDATE", {"email": email})
                if email == first:
                    await both_hold.wait()

    outcomes = await asyncio.gather(
        lock("a@example.com", "b@example.com"), lock("b@example.com", "a@example.com"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseConflict", "NoneType"]


async def test_the_servers_errors_are_sorted_by_their_class(database: Database) -> None:
    errors = {
        DatabaseConflict: ("23503", "40001", "40P01", "55P03"),
        DatabaseUnavailable: ("08006", "25006", "53300", "57P01", "58030"),
        DatabaseFull: ("53100",),
        DatabaseTooSlow: ("57014",),
        asyncpg.DivisionByZeroError: ("22012",),
        asyncpg.UndefinedTableError: ("42P01",),
    }
    for error, states in errors.items():
        for state in states:
            with pytest.raises(error) as raised:
                async with database.connection() as connection:
                    await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
            assert raised.type is error, state


async def test_a_slow_statement_is_ended_as_unavailable(database: Database, database_url: str) -> None:
    async with connected(database_url, statement_seconds=0.2) as hasty:
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(1)")
            with pytest.raises(DatabaseUnavailable):
                async with hasty.transaction() as other:
                    await other.execute("SELECT pg_advisory_xact_lock(1)")
        async with hasty.transaction() as other:
            await other.execute("SELECT pg_advisory_xact_lock(1)")


async def test_a_process_that_stands_still_holds_no_lock(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.database.connection._IDLE_SECONDS", 0.2)
    locked = asyncio.Event()

    async def stand_still(frozen: Database) -> None:
        async with frozen.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(1)")
            async with asyncio.timeout(10), database.transaction() as other:
                await other.execute("SELECT pg_advisory_xact_lock(1)")
                locked.set()
            await connection.execute("SELECT 1")

    async with connected(database_url) as frozen:
        with pytest.raises(DatabaseUnavailable):
            await stand_still(frozen)
        assert locked.is_set()
        await frozen.ping()
