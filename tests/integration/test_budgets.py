"""Budgets on a real Postgres: what they hold, and that charges do not deadlock."""

import asyncio
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest

from job_runner.emails.mailers.files import FileMailer
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts import cell_rate
from shared.records.accounts.cell_rate import Bucket, Charge
from tests.integration.rows import execute, fetch, somebody_waits
from tests.waiting import eventually


async def take(database: Database, *uses: Charge) -> dict[str, float]:
    """Charge the budgets, and commit only if none refuses."""

    class Refused(Exception):
        pass

    waits: dict[str, float] = {}
    try:
        async with database.transaction() as connection:
            buckets = await cell_rate.take(connection, uses)
            waits = {subject: one.wait_s for subject, one in buckets.items() if one.wait_s is not None}
            if waits:
                raise Refused
    except Refused:
        pass
    return waits


async def test_a_budget_weighs_amounts(database: Database) -> None:
    assert await take(database, Charge("a", 100, 60)) == {}
    assert await take(database, Charge("a", 100, 60)) == {"a": pytest.approx(720, abs=10)}
    assert await take(database, Charge("a", 100, 40)) == {}
    assert list(await take(database, Charge("a", 100, 1))) == ["a"]


@pytest.mark.parametrize("in_use", [None, -7200, -1, 1800])
async def test_a_use_that_is_larger_than_the_budget_is_never_taken(database: Database, in_use: int | None) -> None:
    if in_use is not None:
        await execute(database, f"INSERT INTO budgets VALUES ('a', now() + interval '{in_use} s')")
    wait = (1.5 - 1) * 3600 + max(0, in_use or 0)
    assert await take(database, Charge("a", 100, 150)) == {"a": pytest.approx(wait, abs=10)}
    [row] = await fetch(
        database, "SELECT coalesce(max(used_until) <= now() + interval '1800 s', true) AS ok FROM budgets"
    )
    assert row["ok"]


async def test_taking_returns_the_use_of_each_budget(database: Database) -> None:
    async with database.transaction() as connection:
        for times in (1, 2):
            buckets = await cell_rate.take(connection, [Charge("a", 100, 3), Charge("b", 3600)])
            assert buckets == {"a": Bucket(times * 108.0), "b": Bucket(times * 1.0)}


async def test_a_refusal_names_the_budgets_that_are_used_up(database: Database) -> None:
    uses = [Charge("a", 1), Charge("b", 2), Charge("c", 1)]
    assert await take(database, *uses) == {}
    assert sorted(await take(database, *uses)) == ["a", "c"]


async def test_a_charge_may_overdraw_and_is_repaid_over_time(database: Database) -> None:
    async with database.transaction() as connection:
        assert await cell_rate.overdrawn(connection, "a") == 0
        await cell_rate.charge(connection, [Charge("a", 100, 90), Charge("b", 100, 90)])
        assert await cell_rate.overdrawn(connection, "a") == 0
        await cell_rate.charge(connection, [Charge("a", 100, 30)])
        assert await cell_rate.overdrawn(connection, "a") == pytest.approx(720, abs=10)
        assert await cell_rate.overdrawn(connection, "b") == 0
    await execute(database, "UPDATE budgets SET used_until = used_until - interval '721 s'")
    async with database.transaction() as connection:
        assert await cell_rate.overdrawn(connection, "a") == 0


@pytest.mark.parametrize("charge", [cell_rate.take, cell_rate.charge])
async def test_a_use_that_waits_for_its_first_budget_holds_no_other(database: Database, charge: Any) -> None:
    """In the order of its call, two uses of the same budgets could deadlock."""
    await execute(database, "INSERT INTO budgets SELECT name, now() FROM unnest(ARRAY['a', 'z']) AS names (name)")
    lock = "SELECT FROM budgets WHERE subject = :subject FOR UPDATE NOWAIT"

    async def use() -> None:
        async with database.transaction() as connection:
            await charge(connection, [Charge("z", 1000), Charge("a", 1000)])

    async with asyncio.TaskGroup() as group, database.transaction() as connection:
        await connection.execute(lock, {"subject": "a"})
        group.create_task(use())
        await eventually(lambda: somebody_waits(database))
        await connection.execute(lock, {"subject": "z"})


async def test_clearing_away_old_budgets_waits_for_no_request(database: Database, tmp_path: Path) -> None:
    await execute(
        database, "INSERT INTO budgets SELECT name, now() - interval '1 s' FROM unnest(ARRAY['a', 'b']) AS names (name)"
    )
    store = LocalStore(tmp_path / "objects", LinkSigner(b"k" * 32, "http://api"))
    cleaner = Cleaner(database, store, FileMailer(tmp_path / "outbox", Address(addr_spec="p@example.com")), days=1)
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM budgets WHERE subject = 'a' FOR UPDATE")
        await asyncio.wait_for(asyncio.create_task(cleaner.run_once()), timeout=30)
    assert [row["subject"] for row in await fetch(database, "SELECT subject FROM budgets")] == ["a"]
