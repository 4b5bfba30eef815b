"""The budgets of transient runs in the database."""

import asyncio
from dataclasses import replace

import pytest

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.submissions.quota_costs import QuotaCosts
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from shared.adapters.database.connection import Database
from shared.records.accounts import cell_rate
from shared.records.accounts.api_keys import Scope

_KEY = Principal(7, frozenset({Scope.SUBMIT}))


async def in_use(database: Database) -> float:
    subject = cell_rate.run_seconds(7)
    async with database.connection() as connection:
        found = await cell_rate.in_use(connection, [subject])
    return round(found[subject].seconds if subject in found else 0.0)


async def test_run_time_is_written_and_read_by_other_processes(database: Database) -> None:
    costs = QuotaCosts(1, 1, key_cpu_seconds=7200)
    one, other = RunSeconds(database, costs), RunSeconds(database, costs)
    await one.check(_KEY)
    await other.check(_KEY)
    one.charge(_KEY, 7202)
    with pytest.raises(ApiError, match="run time"):
        await one.check(_KEY)
    await other.check(_KEY)
    await one.write()
    assert await in_use(database) == 3601
    await other.write()
    with pytest.raises(ApiError, match="an hour is reached"):
        await other.check(_KEY)
    await one.write()
    assert await in_use(database) == 3601


async def test_a_long_run_of_a_key_that_was_idle_is_charged(database: Database) -> None:
    seconds = RunSeconds(database, QuotaCosts(1, 1, key_cpu_seconds=3600))
    await seconds.check(_KEY)
    await seconds.write()
    await seconds.write()
    seconds.charge(_KEY, 100)
    await seconds.write()
    assert await in_use(database) == 100


async def test_runs_with_which_the_server_finishes_are_charged(database: Database) -> None:
    seconds, stop = RunSeconds(database, QuotaCosts(1, 1, key_cpu_seconds=3600)), asyncio.Event()
    runs = TransientRuns(None, seconds)
    stop.set()
    await seconds.run(stop)
    seconds.charge(_KEY, 100)
    await runs.close()
    assert await in_use(database) == 100


async def test_a_key_may_have_a_budget_of_its_own(database: Database) -> None:
    seconds = RunSeconds(database, QuotaCosts(1, 1, key_cpu_seconds=3600))
    sender = replace(_KEY, run_seconds=36_000)
    await seconds.check(sender)
    seconds.charge(sender, 35_000)
    await seconds.check(sender)
    await seconds.write()
    assert await in_use(database) == 3500
    seconds.charge(sender, 1001)
    with pytest.raises(ApiError, match="36000 an hour"):
        await seconds.check(sender)


async def test_some_senders_have_no_budget(database: Database) -> None:
    seconds = RunSeconds(database, QuotaCosts(1, 1, key_cpu_seconds=1))
    operator, admin = Principal(None, frozenset(Scope)), Principal(8, frozenset({Scope.ADMIN}))
    for sender in (operator, admin, replace(_KEY, run_seconds=0)):
        await seconds.check(sender)
        seconds.charge(sender, 100)
        await seconds.check(sender)
    await seconds.write()
    assert await in_use(database) == 0
