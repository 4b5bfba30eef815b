"""The runner's loop on a real Postgres, with an engine that the test plays."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from typing import Any

import pytest

from job_runner.leases import claim, lag
from job_runner.leases.rescuer import Rescuer
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import (
    DatabaseUnavailable,
    EngineAway,
    EngineRefused,
    EngineStopped,
    EngineUnavailable,
)
from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import RunResponse
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Alive
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.engines import STARTED, Engine, ScriptedEngine, ended
from tests.integration.job_runner.program_rows import all_are, running
from tests.integration.rows import add_job, execute, fetch
from tests.waiting import eventually


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def processor(database: Database, store: LocalStore, engine: ScriptedEngine) -> Processor:
    return Processor(database, store, engine, BRANDING, max_attempts=3, policy=RetryPolicy(base=0.01, cap=0.02))


async def states(database: Database) -> list[object]:
    return [row["status"] for row in await fetch(database, "SELECT status FROM job ORDER BY id")]


async def test_a_notification_wakes_the_runner(
    database: Database, processor: Processor, engine: ScriptedEngine, store: LocalStore
) -> None:
    async with running(database, processor):
        await add_job(database, contents="print(12)", language="C++", filename="twelve.cpp")
        await all_are("executed", database)
    assert engine.calls == [("print(12)", "cpp", "in")]
    assert engine.filenames == ["twelve.cpp"]
    [result] = await fetch(database, "SELECT * FROM results")
    assert result["output"] == "12\n"
    assert await store.get(result["output_key"]) == b"12\n"
    assert str(result["filelink"]).startswith("http://api/files/results/")


async def notify(database: Database, heard: asyncio.Event) -> None:
    heard.clear()
    await database.call(Connection.notify, channels.JOBS)
    await heard.wait()


@pytest.fixture
def lags(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the lags of the runner. The first of them lasts an hour, and the others no time."""
    lags: list[float] = []

    def next_lag(*_: float) -> float:
        lags.append(0.0 if lags else 3600.0)
        return lags[-1]

    monkeypatch.setattr("job_runner.leases.lag.uniform", next_lag)
    return lags


async def notified(database: Database, heard: asyncio.Event, enough: Callable[[], bool]) -> bool:
    """Notify the runner, which hears it when `heard` is set. Then return if that is `enough`."""
    heard.clear()
    await database.call(Connection.notify, channels.JOBS)
    await heard.wait()
    return enough()


async def test_a_runner_that_finds_nothing_lags_once_for_many_notifications(
    database: Database, processor: Processor, lags: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = count(), claim.claim

    async def counted(*args: Any, **how: Any) -> Any:
        next(looks)
        return await look(*args, **how)

    monkeypatch.setattr(claim, "claim", counted)
    async with database.listen(channels.JOBS) as heard, running(database, processor):
        await eventually(partial(notified, database, heard, lambda: bool(lags)), what="it lags")
        before = repr(looks)
        for _ in range(20):
            await notified(database, heard, bool)
    assert (lags, repr(looks)) == ([3600.0], before)


async def test_a_runner_that_finds_work_again_soon_looks_at_once(
    database: Database, processor: Processor, lags: list[float]
) -> None:
    lags.append(0.0)
    async with database.listen(channels.JOBS) as heard, running(database, processor):
        await eventually(partial(notified, database, heard, lambda: len(lags) > lag._MAX_MISSES), what="it lags")
        # Each job that it finds makes up for a notification that came too late for it.
        for _ in range(10 * lag._MAX_MISSES):
            before = len(lags)
            await add_job(database)
            await all_are("executed", database)
            if len(lags) == before:
                break
    assert len(lags) == before


async def test_programs_that_take_long_hold_up_their_own_key_alone(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.open.clear()
    async with running(database, processor, runner_concurrency=1):
        await add_job(database, contents="first of 1", owner=1)
        await eventually(lambda: engine.under_way == 1, what="the slot is taken")
        await add_job(database, contents="second of 1", owner=1)
        await add_job(database, contents="first of 2", owner=2)
        await eventually(lambda: engine.under_way == 2, what="another key's program runs beside it")
        await add_job(database, contents="first of 3", owner=3)
        engine.open.set()
        await all_are("executed", database)
    assert [code for code, _, _ in engine.calls][:2] == ["first of 1", "first of 2"]
    assert engine.shares[:2] == ["key-1", "key-2"]
    assert engine.most == 2


async def test_keys_whose_jobs_come_together_get_reserved_slots(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.open.clear()
    async with running(database, processor, runner_concurrency=2):
        await add_job(database, owner=1)
        await add_job(database, owner=1)
        await eventually(lambda: engine.under_way == 2, what="the slots are taken")
        async with owner_of(database).transaction():  # so one notification announces both
            await add_job(database, owner=2)
            await add_job(database, owner=3)
        await eventually(lambda: engine.under_way == 4, what="two other keys' programs run beside them")
        engine.open.set()


async def test_a_retry_gets_a_reserved_slot_when_it_is_due(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.open.clear()
    async with running(database, processor, runner_concurrency=1):
        await add_job(database, owner=1)
        await eventually(lambda: engine.under_way == 1, what="the slot is taken")
        async with owner_of(database).transaction():
            await add_job(database, owner=2)
            await execute(database, "UPDATE job SET run_after = clock_timestamp() + interval '0.3 s' WHERE owner = 2")
        await eventually(lambda: engine.under_way == 2, what="the other key's program runs")
        engine.open.set()


async def test_while_engines_are_full_only_other_keys_are_claimed(
    database: Database, engine: ScriptedEngine, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.open.clear()
    is_full = True
    runner = Runner(database, processor, RunnerSettings(runner_concurrency=4, poll_interval=3600), lambda: is_full)
    waits, claim_due = [], runner._claim_due

    async def noted() -> float:
        waits.append(await claim_due())
        return waits[-1]

    monkeypatch.setattr(runner, "_claim_due", noted)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    for owner in (1, 1, 2):
        await add_job(database, owner=owner)
    await eventually(lambda: engine.under_way == 2, what="each key has one program running")
    executing = await fetch(database, "SELECT owner FROM job WHERE status = 'executing' ORDER BY owner")
    assert [row["owner"] for row in executing] == [1, 2]
    await eventually(lambda: waits[-1] > 0.2, what="the runner found no further key")
    is_full = False
    await eventually(lambda: engine.under_way == 3, what="the claims go on by themselves")
    engine.open.set()
    stop.set()
    await running


@pytest.mark.parametrize(("error", "is_paused"), [(EngineAway, True), (EngineStopped, False)])
async def test_claims_pause_only_if_no_engine_is_usable(
    database: Database, engine: ScriptedEngine, processor: Processor, error: type[EngineAway], is_paused: bool
) -> None:
    engine.failures = [error("it stopped")] * 1_000
    async with running(database, processor):
        await add_job(database)
        await eventually(lambda: fetch(database, "SELECT FROM job WHERE failure IS NOT NULL AND attempt = 0"))
        assert processor.pause.is_over is not is_paused


async def test_long_jobs_give_their_slots_to_others_of_their_key(database: Database, store: LocalStore) -> None:
    under_way: list[str] = []
    stop = asyncio.Event()

    class LongEngine(Engine):
        async def run_program(self, program: bytes, **_: Any) -> AsyncGenerator[RunEvent]:
            source = str(json.loads(program)["files"][0]["content"])
            under_way.append(source)
            yield STARTED
            if source == "long":
                yield Alive(is_long=True)
                await stop.wait()
            yield ended(1)

    processor = Processor(database, store, LongEngine(), BRANDING, max_attempts=3)
    async with running(database, processor, runner_concurrency=1) as (runner, _):
        for _ in range(6):
            await add_job(database, contents="long")
        await eventually(lambda: len(under_way) == 5, what="one runs in the slot, and four beside it")
        await eventually(lambda: runner._busy_slots() == 1)
        assert runner._free_slots() == 0, "a fifth long job holds the slot"
        await add_job(database, contents="short")
        stop.set()
        await all_are("executed", database)
    assert under_way == ["long"] * 6 + ["short"]


class PartlyAwayEngine(ScriptedEngine):
    """Runs all programs but one. For that one it is away, and asks for a pause of an hour."""

    async def run(self, *, code: str, **others: Any) -> RunResponse:
        if code == "away":
            raise EngineAway("no engine", retry_after=3600)
        return await super().run(code=code, **others)


async def test_a_run_that_reaches_the_engine_ends_a_pause(
    database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = PartlyAwayEngine()
    engine.open.clear()
    processor = Processor(database, store, engine, BRANDING, max_attempts=3)
    pauses: list[float] = []
    async with running(database, processor) as (runner, _):
        claim_due = runner._claim_due

        async def noted() -> float:
            pauses.append(processor.pause.seconds)
            return await claim_due()

        await add_job(database, contents="long")
        await eventually(lambda: engine.under_way == 1)
        monkeypatch.setattr(runner, "_claim_due", noted)
        await add_job(database, contents="away")
        await eventually(lambda: any(pauses), what="the runner waits for the end of a pause")
        # Without NOTIFY, so only the end of a run can wake the runner.
        await execute(
            database,
            "INSERT INTO job (upload, job, request_id) SELECT upload, :job, gen_random_uuid() FROM job LIMIT 1",
            job='{"language": "python", "inputs": "in", "contents": "next"}',
        )
        engine.open.set()
        await eventually(lambda: "next" in [code for code, *_ in engine.calls], what="the claims go on")


async def test_a_lost_notification_costs_at_most_the_interval(database: Database, processor: Processor) -> None:
    # Inserted without NOTIFY once the runner listens: only the interval can find it.
    async with running(database, processor, poll_interval=0.2):
        await add_job(database)
        await all_are("executed", database)
        await execute(
            database,
            "INSERT INTO job (upload, job, request_id) SELECT upload, :job, gen_random_uuid() FROM job",
            job='{"language": "python", "inputs": "in", "contents": "print(1)"}',
        )
        await all_are("executed", database)


async def test_storing_an_outcome_holds_no_slot_and_is_bounded(
    database: Database, processor: Processor, engine: ScriptedEngine, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, writable = store.put, asyncio.Event()

    async def slow_put(key: str, data: bytes, *, content_type: str = "") -> None:
        await writable.wait()
        await put(key, data, content_type=content_type)

    monkeypatch.setattr(store, "put", slow_put)
    for _ in range(5):
        await add_job(database)
    async with running(database, processor, runner_concurrency=2):
        await eventually(lambda: len(engine.calls) == 4)
        await asyncio.sleep(0.1)  # no event shows that a fifth is not claimed
        assert sorted(str(state) for state in await states(database)) == ["executing"] * 4 + ["none-executed"]
        writable.set()
        await all_are("executed", database)
    assert engine.most <= 2


async def test_a_failure_is_retried_and_then_reported(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.failures = [EngineUnavailable("full"), RuntimeError("a defect of ours"), EngineUnavailable("no engine")]
    await add_job(database)
    async with running(database, processor):
        await all_are("failed", database)
    assert len(engine.calls) == 3
    [email] = await fetch(database, "SELECT * FROM emails")
    assert str(email["subject"]).startswith("Code could not be run - ")
    assert "no engine (tried 3 times)" in email["text"]
    assert await fetch(database, "SELECT * FROM results") == []
    assert await fetch(database, "SELECT enable, request_id FROM uploads") == [{"enable": 0, "request_id": None}]


async def test_a_refused_program_is_not_tried_again(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.failures = [EngineRefused("no\0thing")]
    await add_job(database)
    async with running(database, processor):
        await all_are("failed", database)
    assert len(engine.calls) == 1
    assert await fetch(database, "SELECT failure FROM job") == [{"failure": "no\N{REPLACEMENT CHARACTER}thing"}]
    [mail] = await fetch(database, "SELECT text, html FROM emails")
    for part in map(str, mail.values()):
        assert "no\N{REPLACEMENT CHARACTER}thing" in part
        assert "our fault" not in part
    assert "Requesting it again cannot help" in mail["text"]  # a classic call's
    assert "Fix this, then send the program again." in mail["html"]


async def test_a_stop_hands_jobs_back_without_charging_the_attempt(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.open.clear()
    await add_job(database)
    async with running(database, processor):
        await eventually(lambda: engine.under_way == 1)
    [job] = await fetch(database, "SELECT status, attempt, lease_id, crashed_at FROM job")
    # It may have stored something, and a removal looks for that.
    assert job.pop("crashed_at") is not None
    assert job == {"status": "none-executed", "attempt": 0, "lease_id": None}


async def test_a_stop_waits_for_what_can_still_end(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    engine.open.clear()
    await add_job(database)
    async with running(database, processor, drain_seconds=20) as (_, stop):
        await eventually(lambda: engine.under_way == 1)
        stop.set()
        await asyncio.sleep(0.1)  # no event marks the start of the drain
        engine.open.set()
    assert await states(database) == ["executed"]


async def test_many_runners_run_each_job_once(
    database: Database, other_databases: list[Database], processor: Processor, engine: ScriptedEngine
) -> None:
    async with AsyncExitStack() as runners:
        for each in (database, *other_databases):
            await runners.enter_async_context(running(each, processor))
        for _ in range(40):
            await add_job(database)
        await all_are("executed", database)
    assert len(engine.calls) == 40
    assert len(await fetch(database, "SELECT id FROM results")) == 40
    assert len(await fetch(database, "SELECT DISTINCT message_id FROM emails")) == 40


async def test_a_job_beyond_a_lowered_limit_of_attempts_fails(
    database: Database, processor: Processor, engine: ScriptedEngine
) -> None:
    """The operator may lower the limit between two attempts of a job."""
    job = await add_job(database)
    await execute(database, "UPDATE job SET attempt = :attempt WHERE id = :id", id=job, attempt=3)
    async with running(database, processor):
        await all_are("failed", database)
    assert engine.calls == []


async def test_a_job_that_is_run_again_keeps_its_reason_until_its_end(
    database: Database, store: LocalStore, engine: ScriptedEngine
) -> None:
    engine.failures = [EngineUnavailable("no\0engine", retry_after=3600)]
    processor = Processor(database, store, engine, BRANDING, max_attempts=3)
    await add_job(database)
    async with running(database, processor):

        async def waits() -> bool:
            return await fetch(database, "SELECT status, attempt, failure FROM job") == [
                {"status": "none-executed", "attempt": 1, "failure": "no\N{REPLACEMENT CHARACTER}engine"}
            ]

        await eventually(waits, what="the job waits with its reason")
        await execute(database, "UPDATE job SET run_after = now()")
        await execute(database, "SELECT pg_notify('precieux_jobs', '')")
        await all_are("executed", database)
    assert await fetch(database, "SELECT failure FROM job") == [{"failure": None}]


def stumble_twice(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Let two calls of a function of `claim` fail. Return a list that has an item for each that failed."""
    real, failures = getattr(claim, name), list[str]()

    async def stumbling(*args: Any, **kwargs: Any) -> Any:
        if len(failures) < 2:
            failures.append(name)
            raise ZeroDivisionError
        return await real(*args, **kwargs)

    monkeypatch.setattr(claim, name, stumbling)
    return failures


async def test_an_error_while_claiming_ends_no_running_job(
    database: Database, processor: Processor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop starts again, and the heartbeat goes on meanwhile."""
    engine.open.clear()
    await add_job(database)
    async with running(database, processor, lease_seconds=1):
        await eventually(lambda: engine.under_way == 1)
        failures = stumble_twice(monkeypatch, "claim")
        await add_job(database)
        await eventually(lambda: engine.under_way == 2)
        assert len(failures) == 2
        engine.open.set()
        await all_are("executed", database)
    assert len(engine.calls) == 2
    assert [row["attempt"] for row in await fetch(database, "SELECT attempt FROM job")] == [1, 1]


async def test_an_error_in_the_heartbeat_does_not_end_it(
    database: Database, processor: Processor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = stumble_twice(monkeypatch, "heartbeat")
    engine.open.clear()
    await add_job(database)
    async with running(database, processor, lease_seconds=1):
        await eventually(lambda: engine.under_way == 1)
        [first] = await fetch(database, "SELECT lease_expires_at FROM job")

        async def extended() -> bool:
            return bool(
                await fetch(
                    database, "SELECT FROM job WHERE lease_expires_at > :first", first=first["lease_expires_at"]
                )
            )

        await eventually(extended)
        assert len(failures) == 2
        engine.open.set()
        await all_are("executed", database)


async def test_a_job_whose_outcome_was_not_stored_is_released(
    database: Database, processor: Processor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease that expires would make the job an interrupted job."""
    process, failures = processor.process, 0

    async def cut_off(*args: Any) -> None:
        nonlocal failures
        if failures == 0:
            failures += 1
            raise DatabaseUnavailable("it is away")
        await process(*args)

    monkeypatch.setattr(processor, "process", cut_off)
    await add_job(database)
    async with running(database, processor, lease_seconds=1):
        await all_are("executed", database)
    assert await fetch(database, "SELECT attempt, crashes FROM job") == [{"attempt": 1, "crashes": 0}]


async def test_after_an_outage_leases_can_still_be_extended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rescuer must not take runners for dead when it starts, or after the database was unavailable."""
    rescuer = Rescuer(database, interval=0.2)
    looks: list[str] = []
    away = 3

    async def look() -> None:
        nonlocal away
        if len(looks) >= 2 and away:
            away -= 1
            looks.append("away")
            raise DatabaseUnavailable("it is away")
        looks.append("look")

    async def rescue() -> list[int]:
        looks.append("rescue")
        if "away" not in looks:
            raise AssertionError("it rescued before the database was available for a lease's term")
        stop.set()
        return []

    monkeypatch.setattr(database, "ping", look)
    monkeypatch.setattr(rescuer, "run_once", rescue)
    stop = asyncio.Event()
    await asyncio.wait_for(rescuer.run(stop), timeout=30)
    assert looks[:5] == ["look", "look", "away", "away", "away"]
    assert looks[5] == "look"
    assert looks[-1] == "rescue"
