"""A long time without the engine, the store or the database: nothing fails, and nothing runs twice.

There are as many pauses as in ten minutes, and they take milliseconds. After the fifth, each is like the one before.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from job_runner.engine.pause import Pause
from job_runner.leases import claim
from job_runner.runs.finish import JobResult, finish
from job_runner.runs.process import Processor
from shared.adapters.database.connection import Connection, Database
from shared.adapters.engine.base import EngineClient
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.files.content import Content
from shared.common.service import metrics
from shared.common.service.errors import (
    DatabaseConflict,
    DatabaseUnavailable,
    EngineAway,
    EngineCrashed,
    StoreUnavailable,
    TransientError,
)
from shared.common.service.retry import RetryPolicy
from tests.factories import BRANDING
from tests.integration.job_runner.engines import POLICY, PlayedEngine, ScriptedEngine
from tests.integration.job_runner.program_rows import running
from tests.integration.rows import add_job, execute, fetch
from tests.waiting import eventually

LONG = 80
JOBS = 12


class Outage:
    """Something that is away at the first `tries` contacts."""

    def __init__(self, error: Callable[[], TransientError], tries: int = LONG) -> None:
        self._error = error
        self.left = tries

    async def contact(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            raise self._error()


class Store(LocalStore):
    """A store whose `put` may be away."""

    def __init__(self, folder: Path, outage: Outage) -> None:
        super().__init__(folder, LinkSigner(b"k" * 32, "http://api"))
        self._outage = outage

    async def put(self, key: str, data: Content, *, content_type: str = "application/octet-stream") -> None:
        await self._outage.contact()
        await super().put(key, data, content_type=content_type)


async def add_jobs(database: Database, count: int = JOBS) -> None:
    for number in range(count):
        await add_job(database, contents=f"print({number})")


def processor_of(
    database: Database, store: LocalStore, engine: EngineClient, attempts: int = 20, pause: Pause | None = None
) -> Processor:
    return Processor(database, store, engine, BRANDING, attempts, policy=POLICY, pause=pause or Pause(POLICY))


def fail_to_finish(monkeypatch: pytest.MonkeyPatch, error: DatabaseUnavailable, times: int, *, late: bool) -> Outage:
    """Let the writes of outcomes fail so many times: before they are made, or so `late` that they are made."""
    outage = Outage(lambda: error, times)

    async def write(connection: Connection, results: Sequence[JobResult]) -> list[bool]:
        if not late:
            await outage.contact()
        written = await finish(connection, results)
        await outage.contact()
        return written

    monkeypatch.setattr("job_runner.runs.completion.finish", write)
    return outage


async def all_end(database: Database) -> None:
    async def ended() -> bool:
        return not await fetch(database, "SELECT FROM job WHERE status IN ('none-executed', 'executing')")

    await eventually(ended, timeout=60)
    rows = await fetch(database, "SELECT status, attempt, crashes FROM job")
    assert rows == [{"status": "executed", "attempt": 1, "crashes": 0}] * JOBS
    assert len(await fetch(database, "SELECT id FROM results")) == JOBS


class Runs(Counter[str]):
    async def play(self, source: str) -> None:
        self[source] += 1


async def test_a_long_time_without_the_engine(database: Database, store: LocalStore) -> None:
    runs, outage = Runs(), Outage(lambda: EngineAway("the engine answered HTTP 503", retry_after=0.003))
    await add_jobs(database)
    engine = PlayedEngine(runs.play, outage.contact)
    processor = processor_of(database, store, engine)
    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await all_end(database)
    assert outage.left == 0
    assert set(runs.values()) == {1}


async def test_while_the_engine_is_away_one_job_at_a_time_tries_it(database: Database, store: LocalStore) -> None:
    """A backlog of any size makes no more contacts than a single job. The lengths of the pauses grow."""
    contacts, clock = 0, 1000.0

    async def contact(_: str) -> None:
        nonlocal contacts
        contacts += 1
        raise EngineAway("refused")

    async def has_failed(number: int) -> bool:
        """Return True if all of the contacts so far have failed, and so have begun the pause."""
        return contacts == number and not await fetch(database, "SELECT id FROM job WHERE status = 'executing'")

    await add_jobs(database, 30)
    pause = Pause(RetryPolicy(base=1, cap=60))
    pause._clock = lambda: clock
    engine = PlayedEngine(Runs().play, contact)
    processor = processor_of(database, store, engine, pause=pause)
    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await eventually(partial(has_failed, 4), what="the first contacts, one for each slot")
        lengths = []
        for number in range(1, 9):
            lengths.append(pause.seconds)
            clock += pause.seconds
            await execute(database, "UPDATE job SET run_after = now() WHERE status = 'none-executed'")
            await execute(database, "SELECT pg_notify('precieux_jobs', '')")
            await eventually(partial(has_failed, 4 + number), what="one contact after a pause")
    assert all(2**number / 2 <= length <= 2**number for number, length in enumerate(lengths) if number < 6)
    assert all(30 <= length <= 60 for length in lengths[6:])
    rows = await fetch(database, "SELECT DISTINCT status, attempt FROM job")
    assert rows == [{"status": "none-executed", "attempt": 0}]


async def test_a_long_time_without_the_store(database: Database, tmp_path: Path) -> None:
    """What was computed is stored when the store is back. Until then nothing more is claimed, and few lines say so."""
    runs, outage, is_noticed = Runs(), Outage(lambda: StoreUnavailable("503"), tries=4 * LONG), asyncio.Event()

    async def play(source: str) -> None:
        await runs.play(source)
        if len(runs) > 1:
            await is_noticed.wait()

    def events() -> Counter[str]:
        return Counter(line["event"] for line in logs if line["log_level"] == "warning" or "claims" in line["event"])

    store = Store(tmp_path, outage)
    await add_jobs(database)
    processor = processor_of(database, store, PlayedEngine(play))
    with capture_logs() as logs:
        async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
            await eventually(lambda: events() == {"claims.paused": 1})
            is_noticed.set()
            await eventually(lambda: outage.left < 3 * LONG)
            # Four slots, and a job that was claimed before the first outcome had to wait.
            assert len(runs) <= 5
            assert metrics.CLAIMS_PAUSED._value.get() == 1
            await all_end(database)
    await store.close()
    assert outage.left == 0
    assert set(runs.values()) == {1}
    assert events() == {"claims.paused": 1, "claims.resumed": 1}
    assert metrics.CLAIMS_PAUSED._value.get() == 0


@pytest.mark.parametrize("error", [DatabaseUnavailable("it is away"), DatabaseConflict("deadlock")])
async def test_outcomes_outlive_an_outage_of_the_database(
    database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch, error: DatabaseUnavailable
) -> None:
    runs = Runs()
    await add_jobs(database)
    processor = processor_of(database, store, PlayedEngine(runs.play))
    outage = fail_to_finish(monkeypatch, error, LONG, late=False)
    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await all_end(database)
    assert outage.left == 0
    assert set(runs.values()) == {1}


async def test_an_unconfirmed_outcome_keeps_its_output(
    database: Database, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has it, and breaks the connection before it says so. The second try finds the job ended."""
    await add_job(database)
    processor = processor_of(database, store, PlayedEngine(Runs().play))
    outage = fail_to_finish(monkeypatch, DatabaseUnavailable("the answer was lost"), 1, late=True)
    # The database is still away when the runner looks whether the lease is its own.
    monkeypatch.setattr(claim, "keep_waiting", Outage(lambda: DatabaseUnavailable("away")).contact)
    async with running(database, processor, lease_seconds=3600) as (runner, _):
        await eventually(lambda: outage.left == 0 and not runner._under_way)
    [result] = await fetch(database, "SELECT output_key FROM results")
    assert await store.get(result["output_key"]) == b"fine"


async def test_an_outcome_whose_lease_is_lost_waits_for_no_store(database: Database, tmp_path: Path) -> None:
    outage = Outage(lambda: StoreUnavailable("503"), tries=1 << 30)
    store = Store(tmp_path, outage)
    job = await add_job(database)
    processor = processor_of(database, store, PlayedEngine(Runs().play))
    async with running(database, processor, lease_seconds=3600) as (runner, _):
        await eventually(lambda: outage.left < (1 << 30))
        await execute(
            database,
            "UPDATE job SET status = 'cancelled', lease_id = NULL, lease_expires_at = NULL WHERE id = :id",
            id=job,
        )
        await eventually(lambda: not runner._under_way, what="the outcome is given up")
    await store.close()


async def test_a_foreign_engine_that_is_away_fails_no_job(database: Database, store: LocalStore) -> None:
    """A balancer without an engine accepts the connection and closes it. To a CodeX call, an engine that stopped looks
    the same."""
    engine = ScriptedEngine()
    engine.failures = [EngineCrashed("the engine did not answer: disconnected") for _ in range(LONG)]
    await add_jobs(database)
    processor = processor_of(database, store, engine)
    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await eventually(lambda: executed(database, JOBS), timeout=60)
    rows = await fetch(database, "SELECT attempt, crashes FROM job")
    assert max(int(row["attempt"]) for row in rows) <= 2
    assert {row["crashes"] for row in rows} == {0}


class WithoutList(ScriptedEngine):
    async def has_run_call(self) -> bool:
        raise EngineAway("the engine answered HTTP 404 to GET /list")


async def test_a_foreign_engine_needs_no_list_of_its_calls(database: Database, store: LocalStore) -> None:
    """The original's client never asked for one."""
    await add_job(database)
    processor = processor_of(database, store, WithoutList(), 3)
    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await eventually(lambda: executed(database, 1))
    assert await fetch(database, "SELECT attempt FROM job") == [{"attempt": 1}]


async def executed(database: Database, jobs: int) -> bool:
    return len(await fetch(database, "SELECT FROM job WHERE status = 'executed'")) == jobs


async def test_a_program_that_stops_a_foreign_engine_is_given_up(database: Database, store: LocalStore) -> None:
    engine = ScriptedEngine()
    # It starts again each time.
    engine.well = True
    engine.failures = [EngineCrashed("the engine did not answer: disconnected") for _ in range(4)]
    await add_job(database)
    processor = processor_of(database, store, engine, 3)

    async def failed() -> bool:
        return bool(await fetch(database, "SELECT FROM job WHERE status = 'failed'"))

    async with running(database, processor, lease_seconds=3600, runner_concurrency=4):
        await eventually(failed)
    assert len(engine.calls) == 3
    assert await fetch(database, "SELECT attempt, crashes FROM job") == [{"attempt": 3, "crashes": 0}]
