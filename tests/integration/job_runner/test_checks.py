"""The rows of checks on a real Postgres: who proves their data, and what outlives a runner."""

import asyncio
import json
from typing import Any

import pytest

from api_service.submissions.batches import cancel_batch
from job_runner.engine.charges import Charges
from job_runner.problems import check_rows
from job_runner.problems.check_rows import ClaimedData
from job_runner.problems.checks import Checks, DataChecks
from job_runner.problems.package_runs import PackageRuns
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import EngineAway, EngineCrashed, EngineUnavailable
from shared.records.problems.phases import Phase
from tests.factories import BRANDING
from tests.fixtures import played_engine
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.check_rows import add_check, store_package
from tests.integration.job_runner.engines import STARTED, PlayedEngine, ScriptedEngine, ended
from tests.integration.job_runner.mails import MAILER
from tests.integration.loops import looping
from tests.integration.rows import execute, fetch
from tests.problem_packages import LEGACY, read


async def claim(database: Database) -> ClaimedData | None:
    async with database.connection() as connection:
        return await check_rows.claim_data(connection)


async def expire(database: Database) -> None:
    await execute(database, "UPDATE problem_checks SET lease_expires_at = now() - interval '1 second'")


async def test_a_key_has_one_check_at_a_time(database: Database) -> None:
    first, _, third = [await add_check(database, name, owner=owner) for name, owner in (("a", 1), ("b", 1), ("c", 2))]
    claims = [await claim(database) for _ in range(3)]
    assert [claimed and claimed.id for claimed in claims] == [first, third, None]


async def test_another_runner_takes_over(database: Database) -> None:
    await add_check(database, "a")
    lost = await claim(database)
    await expire(database)
    taken = await claim(database)
    assert lost
    assert taken
    async with database.connection() as connection:
        assert not await check_rows.renew(connection, lost)
        assert await check_rows.renew(connection, taken)
        # The one that lost it lives, so its claim was no attempt that stopped a runner.
        await check_rows.release(connection, lost, seconds=60, is_attempt=False)
        assert await check_rows.renew(connection, taken)
        assert await check_rows.keep_data(connection, taken, [])
        assert not await check_rows.keep_data(connection, lost, [{"path": "", "detail": "too late"}])
    assert await fetch(database, "SELECT attempt, data FROM problem_checks") == [{"attempt": 1, "data": "[]"}]


async def test_a_cancelled_check_stops_its_validators(
    database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only a notification makes the runner look at its lease.
    monkeypatch.setattr("job_runner.problems.checks.LEASE_SECONDS", 3600)
    check = await add_check(database, "a")
    await store_package(store)
    begun, ended, cancelled = asyncio.Event(), asyncio.Event(), []

    async def sleep(_: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def note(_: Connection) -> None:
        cancelled.append(check)

    checks = DataChecks(database, PackageRuns(store, PlayedEngine(sleep)), Charges(database, 1), poll_interval=3600)
    async with looping(checks.run):
        await asyncio.wait_for(begun.wait(), 60)
        assert await cancel_batch(owner_of(database), 1, note)
        await asyncio.wait_for(ended.wait(), 60)
        # The key's next check may begin at once.
        begun.clear()
        await add_check(database, "b")
        await execute(database, "SELECT pg_notify(:channel, '')", channel=channels.CHECKS)
        await asyncio.wait_for(begun.wait(), 60)
    [row] = await fetch(database, "SELECT data FROM problem_checks WHERE id = :id", id=check)
    assert json.loads(row["data"]) == [{"path": "", "detail": "The check was cancelled."}]
    assert cancelled == [check]
    await execute(database, "DELETE FROM problem_checks WHERE id <> :id", id=check)
    assert not await cancel_batch(owner_of(database), 1, note)


async def test_validators_share_one_bound(database: Database, store: LocalStore) -> None:
    await add_check(database, "a")
    await store_package(store)
    engine: Any = played_engine.PlayedEngine([STARTED, ended(1, cpu_s=4000), AssertionError("it goes on")])
    checks = DataChecks(database, PackageRuns(store, engine), Charges(database, 1), poll_interval=1)
    assert await checks.run_once(asyncio.Event(), asyncio.Event())
    [row] = await fetch(database, "SELECT data FROM problem_checks")
    assert "The validators ran for over 3600 s" in json.loads(row["data"])[-1]["detail"]


async def test_a_check_that_stops_runners_is_not_begun_again(database: Database) -> None:
    await add_check(database, "a")
    poison = []
    for _ in range(6):
        claimed = await claim(database)
        assert claimed
        poison.append(claimed.is_poison)
        await expire(database)
    assert poison == [False] * 5 + [True]
    checks = DataChecks(
        database, PackageRuns(None, ScriptedEngine()), Charges(database, 1), poll_interval=1  # type: ignore[arg-type]
    )  # fmt: skip
    assert await checks.run_once(asyncio.Event(), asyncio.Event())
    [row] = await fetch(database, "SELECT data FROM problem_checks")
    assert "never ended" in row["data"]


@pytest.mark.parametrize(("error", "attempts"), [(EngineAway, 0), (EngineUnavailable, 1), (EngineCrashed, 1)])
async def test_what_costs_an_attempt(
    database: Database, store: LocalStore, error: type[Exception], attempts: int
) -> None:
    await add_check(database, "a")
    await store_package(store)
    engine: Any = played_engine.PlayedEngine([error("it fails")])
    checks = DataChecks(database, PackageRuns(store, engine), Charges(database, 1), poll_interval=1)
    with pytest.raises(error):
        await checks.run_once(asyncio.Event(), asyncio.Event())
    [row] = await fetch(database, "SELECT attempt, data, lease_id FROM problem_checks")
    assert (row["attempt"], row["data"], row["lease_id"]) == (attempts, None, None)
    assert await claim(database) is None  # for some seconds


async def test_the_end_is_told_and_its_addresses_are_forgotten(database: Database) -> None:
    await add_check(database, "a")
    plan = {"derives": True, "bounds": {"cpu_s": {"default": 1, "max": 10}}, "factors": {}}
    entry = {"path": "a.py", "submission": None, "phase": Phase.AT_LIMIT, "expected": ["AC"], "result": "not_run"}
    await execute(
        database,
        "UPDATE problem_checks SET phase = 3, data = '[]', plan = CAST(:plan AS jsonb), email = 'a@example.com',"
        " webhook_url = 'https://example.com/', submissions = CAST(:entries AS jsonb)",
        plan=json.dumps(plan),
        entries=json.dumps([{**entry, "has_own_limit": False}] * len(read(LEGACY).submissions)),
    )
    checks = Checks(database, BRANDING, poll_interval=1)
    assert await checks.run_once()
    assert await checks.run_once() is None
    [row] = await fetch(database, "SELECT state, verdict, email, webhook_url FROM problem_checks")
    assert dict(row) == {"state": "finished", "verdict": "failed", "email": None, "webhook_url": None}
    [mail] = await fetch(database, "SELECT kind, recipient FROM emails")
    assert dict(mail) == {"kind": "check", "recipient": "a@example.com"}
    [webhook] = await fetch(database, "SELECT type, url, owner FROM webhooks")
    assert dict(webhook) == {"type": "problem.checked", "url": "https://example.com/", "owner": 1}


async def test_old_checks_go_but_the_latest(database: Database, store: LocalStore) -> None:
    for age_days in (40, 35, 32):
        await add_check(database, "a", age_days=age_days)
        await execute(database, "UPDATE problem_checks SET state = 'finished'")
    await Cleaner(database, store, MAILER, days=30).run_once()
    assert len(await fetch(database, "SELECT FROM problem_checks")) == 1
