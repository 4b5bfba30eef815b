"""A key is charged for the time of its programs, also if they make the engine fail."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from job_runner.leases import claim
from job_runner.runs.process import Processor
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import EngineAway, EngineCrashed, EngineRefused, EngineUnavailable, StoreUnavailable
from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import RunResponse, Verdict
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.cell_rate import run_seconds
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.engines import ScriptedEngine
from tests.integration.rows import add_job, execute, fetch

BUDGET = 1000


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def processor(database: Database, store: LocalStore, engine: ScriptedEngine) -> Processor:
    policy = RetryPolicy(base=0.01, cap=0.02)
    return Processor(
        database, store, engine, BRANDING, max_attempts=2, key_cpu_seconds=BUDGET, policy=policy
    )  # fmt: skip


@pytest.fixture
async def key(database: Database) -> int:
    async with owner_of(database).transaction() as connection:
        key, _ = await api_keys.create(connection, "test", [Scope.SUBMIT])
    return key


async def run(database: Database, processor: Processor, owner: int) -> None:
    job = await add_job(database)
    await execute(database, "UPDATE job SET owner = :owner WHERE id = :id", owner=owner, id=job)
    async with database.transaction() as connection:
        [claimed] = await claim.claim(connection, limit=1, lease_seconds=30)
    await processor.process(claimed)


async def used(database: Database) -> dict[str, float]:
    """Return the seconds that each subject has used."""
    rows = await fetch(database, "SELECT subject, extract(epoch FROM used_until - now()) AS seconds FROM budgets")
    return {str(row["subject"]): float(row["seconds"]) * BUDGET / 3600 for row in rows}


def answer(verdict: Verdict, time_s: float) -> RunResponse:
    return RunResponse(timeStamp=1, status=200, output="", verdict=verdict, time_s=time_s, wall_s=0.01)


async def test_a_run_is_charged_whatever_its_verdict(
    database: Database, processor: Processor, engine: ScriptedEngine, key: int
) -> None:
    engine.answers = [answer(Verdict.OK, 100), answer(Verdict.TIME_LIMIT, 200)]
    await run(database, processor, key)
    await run(database, processor, key)
    assert await used(database) == {run_seconds(key): pytest.approx(300, abs=20)}


@pytest.mark.parametrize(("own", "charged"), [(10 * BUDGET, {"key": 10}), (0, {})])
async def test_a_key_is_charged_by_its_own_budget(
    database: Database, processor: Processor, engine: ScriptedEngine, own: int, charged: dict[str, int]
) -> None:
    async with owner_of(database).transaction() as connection:
        key, _ = await api_keys.create(connection, "test", [Scope.SUBMIT], run_seconds=own)
    engine.answers = [answer(Verdict.OK, 100)]
    await run(database, processor, key)
    assert await used(database) == {run_seconds(key): pytest.approx(seconds, abs=2) for seconds in charged.values()}


@pytest.mark.parametrize("failure", [None, EngineUnavailable("the sandbox failed"), EngineCrashed("it died")])
async def test_every_attempt_that_the_engine_began_is_charged(
    database: Database,
    processor: Processor,
    engine: ScriptedEngine,
    key: int,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception | None,
) -> None:
    """Also for a program that sleeps."""
    clock = [0.0]
    monkeypatch.setattr("shared.engine_api.run_time.time", SimpleNamespace(monotonic=lambda: clock[0]))
    run_at_engine = engine.run

    async def take_long(**program: str) -> RunResponse:
        clock[0] += 30
        return await run_at_engine(**program)

    monkeypatch.setattr(engine, "run", take_long)
    engine.failures = [failure] if failure else []
    engine.answers = [answer(Verdict.OK, 0.01)]
    await run(database, processor, key)
    assert await used(database) == {run_seconds(key): pytest.approx(30, abs=5)}


@pytest.mark.parametrize(
    "failure", [EngineAway("away"), EngineRefused("no"), StoreUnavailable("away"), RuntimeError("a defect")]
)
async def test_a_failure_of_ours_is_not_charged(
    database: Database, processor: Processor, engine: ScriptedEngine, key: int, failure: Exception
) -> None:
    engine.failures = [failure]
    await run(database, processor, key)
    assert await used(database) == {}


async def test_a_submission_without_a_key_is_not_charged(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    await run(database, processor, 0)
    assert await used(database) == {}


async def test_a_run_whose_lease_was_lost_is_not_charged(database: Database, processor: Processor, key: int) -> None:
    await add_job(database)
    async with database.transaction() as connection:
        [claimed] = await claim.claim(connection, limit=1, lease_seconds=30)
        await claim.release(connection, claimed.lease_id)
    await processor.process(replace(claimed, owner=key))
    assert await used(database) == {}
