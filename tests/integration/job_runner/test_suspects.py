"""Programs that kill their engine or runner, among harmless ones."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from job_runner import claim, suspects
from job_runner.claim import ClaimedJob
from job_runner.process import Processor
from job_runner.runner import Runner
from job_runner.settings import RunnerSettings
from shared.codex import RunResponse, Verdict
from shared.database.connection import Database
from shared.errors import EngineCrashed, EngineUnavailable
from shared.retry import RetryPolicy
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner
from tests.factories import LETTERHEAD
from tests.fixtures.postgres import connected
from tests.integration.job_runner.codex_only import CodexOnly
from tests.integration.rows import add_job, execute, fetch
from tests.waiting import eventually

pytestmark = pytest.mark.integration

POISON = "poison"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "_SPACING_SECONDS", 0.0)


@pytest.fixture
async def other_database(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url) as other:
        yield other


class Machine:
    """State that the engines of one test share: the first death waits until every job is under way somewhere."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.engines = [FragileEngine(self), FragileEngine(self)]
        self.all_under_way = asyncio.Event()
        self.first_death = asyncio.Event()
        self.runs: Counter[str] = Counter()
        self.deaths = 0

    def started(self, code: str) -> None:
        self.runs[code] += 1
        if sum(len(engine.under_way) for engine in self.engines) == self.jobs:
            self.all_under_way.set()


class FragileEngine(CodexOnly):
    """Dies of poison together with every run under way, and is up again for the next run."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.under_way: set[asyncio.Future[None]] = set()

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way.add(died)
        self._machine.started(code)
        try:
            if code.startswith(POISON):
                await self._machine.all_under_way.wait()
                self._die()
            elif not self._machine.first_death.is_set():
                await died
            if died.done():
                died.result()
            return RunResponse(timeStamp=1, status=200, output="fine", verdict=Verdict.OK)
        finally:
            self.under_way.discard(died)

    def _die(self) -> None:
        self._machine.deaths += 1
        self._machine.first_death.set()
        for engine in self._machine.engines if self._machine.deaths == 1 else [self]:
            for run in engine.under_way:
                if not run.done():
                    run.set_exception(EngineCrashed("the engine broke off the connection"))


async def submit(database: Database, contents: str) -> int:
    job = await add_job(database, contents=contents)
    await execute(
        database,
        "UPDATE uploads SET sha256 = encode(sha256(convert_to(:contents, 'UTF8')), 'hex')"
        " FROM job WHERE job.id = :job AND uploads.id = job.upload",
        contents=contents,
        job=job,
    )
    return job


@pytest.mark.parametrize("poisons", [1, 3])
async def test_an_engine_killer_costs_its_neighbours_no_attempt(
    database: Database, other_database: Database, tmp_path: Path, poisons: int
) -> None:
    """Two runners have an engine each. One program kills its engine, or several do, one after the other."""
    innocent = [await submit(database, f"print({number})") for number in range(8 - poisons)]
    guilty = [await submit(database, f"{POISON} {number}") for number in range(poisons)]
    machine = Machine(jobs=8)
    store = LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))
    stop = asyncio.Event()
    settings = RunnerSettings(runner_concurrency=4, poll_interval=3600)
    runners = [
        asyncio.create_task(
            Runner(one, Processor(one, store, engine, LETTERHEAD, 20, policy=RetryPolicy(0.01, 0.02)), settings).run(
                stop
            )
        )
        for one, engine in zip((database, other_database), machine.engines, strict=True)
    ]

    async def ended() -> bool:
        rows = await fetch(database, "SELECT count(*) AS n FROM job WHERE status IN ('executed', 'failed')")
        return rows[0]["n"] == 8

    await eventually(ended, timeout=60, what="every job has its end")
    stop.set()
    await asyncio.gather(*runners)
    await store.close()

    rows = {row["id"]: row for row in await fetch(database, "SELECT id, status, attempt FROM job")}
    assert {(rows[job]["status"], rows[job]["attempt"]) for job in innocent} == {("executed", 1)}
    assert {rows[job]["status"] for job in guilty} == {"failed"}
    assert [row["job"] for row in await fetch(database, "SELECT job FROM quarantine ORDER BY job")] == guilty
    mails = await fetch(database, "SELECT text FROM emails WHERE kind = 'failure'")
    assert len(mails) == poisons
    for mail in mails:
        assert "the engine stopped while it ran this program, " in str(mail["text"])
        assert "until the operator" in str(mail["text"])
        assert "You may request it again" not in str(mail["text"])
    # All jobs share the first death; then it dies apart from other suspects, and then alone.
    assert machine.deaths <= 3 * poisons


async def test_a_runner_killer_costs_its_neighbours_no_attempt(database: Database) -> None:
    """Two runners take turns; one with poison among its jobs dies, and its leases expire."""
    innocent = [await submit(database, f"print({number})") for number in range(9)]
    poison = await submit(database, POISON)
    deaths = 0
    for _ in range(40):
        jobs = await suspects.claim_one(database, lease_seconds=60, grace=0)
        async with database.transaction() as connection:
            jobs += await claim.claim(connection, limit=4, lease_seconds=60)
        running = [job for job in jobs if job.stop_reason is None]
        if any(job.id == poison for job in running):
            deaths += 1
            await _expire(database, jobs)
            async with database.transaction() as connection:
                await suspects.rescue(connection)
        else:
            for job in jobs:
                state = "executed" if job.stop_reason is None else "failed"
                await execute(
                    database,
                    "UPDATE job SET status = :state, lease_id = NULL WHERE id = :id",
                    state=state,
                    id=job.id,
                )
    rows = {row["id"]: row for row in await fetch(database, "SELECT id, status, attempt, stop_reason FROM job")}
    assert {(rows[job]["status"], rows[job]["attempt"]) for job in innocent} == {("executed", 1)}
    assert rows[poison]["status"] == "failed"
    assert rows[poison]["stop_reason"] == f"the runner stopped while it ran this program, {deaths} times"
    assert deaths <= 3
    assert [row["job"] for row in await fetch(database, "SELECT job FROM quarantine")] == [poison]


async def _expire(database: Database, jobs: list[ClaimedJob]) -> None:
    await execute(
        database, "UPDATE job SET lease_expires_at = '-infinity' WHERE id = ANY(:ids)", ids=[job.id for job in jobs]
    )


class ScriptedEngine(CodexOnly):
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.runs = itertools.count()

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        next(self.runs)
        if self.failures:
            raise self.failures.pop(0)
        return RunResponse(timeStamp=1, status=200, output="fine", verdict=Verdict.OK)


async def run_to_the_end(database: Database, engine: ScriptedEngine, tmp_path: Path) -> dict[str, object]:
    store = LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))
    processor = Processor(database, store, engine, LETTERHEAD, 20, policy=RetryPolicy(0.01, 0.02))
    stop = asyncio.Event()
    runner = asyncio.create_task(Runner(database, processor, RunnerSettings(poll_interval=3600)).run(stop))

    async def ended() -> bool:
        return not await fetch(database, "SELECT FROM job WHERE status IN ('none-executed', 'executing')")

    await eventually(ended)
    stop.set()
    await runner
    await store.close()
    return (await fetch(database, "SELECT * FROM job ORDER BY id DESC LIMIT 1"))[0]


async def test_a_lone_program_is_stopped_at_the_second_death(database: Database, tmp_path: Path) -> None:
    await submit(database, POISON)
    engine = ScriptedEngine(*[EngineCrashed("reset")] * 5)
    job = await run_to_the_end(database, engine, tmp_path)
    assert (job["status"], job["crashes"], job["attempt"]) == ("failed", 2, 1)
    assert job["stop_reason"] == "the engine stopped while it ran this program, 2 times"
    assert next(engine.runs) == 2


async def test_an_unreachable_engine_makes_no_suspect(database: Database, tmp_path: Path) -> None:
    await submit(database, "print(1)")
    engine = ScriptedEngine(*[EngineUnavailable("refused")] * 5)
    job = await run_to_the_end(database, engine, tmp_path)
    assert (job["status"], job["crashes"], job["attempt"]) == ("executed", 0, 6)


async def test_a_quarantined_source_fails_without_a_run(database: Database, tmp_path: Path) -> None:
    first = await submit(database, POISON)
    await run_to_the_end(database, ScriptedEngine(*[EngineCrashed("reset")] * 2), tmp_path)
    await submit(database, POISON)
    engine = ScriptedEngine()
    job = await run_to_the_end(database, engine, tmp_path)
    assert (job["status"], job["stop_reason"]) == ("failed", "the engine stopped while it ran this program, 2 times")
    assert next(engine.runs) == 0
    assert [row["job"] for row in await fetch(database, "SELECT job FROM quarantine")] == [first]
    await execute(database, "DELETE FROM quarantine")
    await submit(database, POISON)
    assert (await run_to_the_end(database, engine, tmp_path))["status"] == "executed"


async def test_unexplained_interruptions_end_as_a_failure(database: Database) -> None:
    """Other programs always run at the same time, as on an engine that several installations share."""
    job_id, other = await submit(database, "print(1)"), await submit(database, "print(2)")
    async with database.transaction() as connection:
        await claim.claim(connection, limit=2, lease_seconds=3600)
    for _ in range(3):
        await execute(
            database,
            "UPDATE job SET status = 'executing', lease_expires_at = CASE WHEN id = :id THEN '-infinity' ELSE"
            " 'infinity'::timestamptz END WHERE id = ANY(:ids)",
            id=job_id,
            ids=[job_id, other],
        )
        async with database.transaction() as connection:
            [one] = await suspects.rescue(connection, max_interruptions=3)
        assert not one.guilty
    assert one.stop_reason == "the runner stopped while it ran this program, 3 times"
    assert await fetch(database, "SELECT * FROM quarantine") == []


async def test_a_job_interrupted_with_others_is_not_the_suspect(database: Database) -> None:
    """The others have been handed back by then, so no other job is being executed."""
    suspect, other = await submit(database, "print(1)"), await submit(database, "print(2)")
    await execute(database, "UPDATE job SET crashes = 1 WHERE id = :id", id=suspect)
    [last] = await suspects.claim_one(database, lease_seconds=60)
    async with database.transaction() as connection:
        [first] = await claim.claim(connection, limit=2, lease_seconds=60)
    assert (last.id, first.id) == (suspect, other)
    for job in (first, last):
        async with database.transaction() as connection:
            interruption = await suspects.interrupt(connection, job.lease_id, delay=0)
        assert interruption is not None
        assert not interruption.guilty
    [row] = await fetch(database, "SELECT crashes, stop_reason FROM job WHERE id = :id", id=suspect)
    assert row == {"crashes": 2, "stop_reason": None}


async def test_suspects_run_one_at_a_time(database: Database) -> None:
    jobs = [await submit(database, f"print({number})") for number in range(3)]
    await execute(database, "UPDATE job SET crashes = 1")
    for job in jobs:
        [suspect] = await suspects.claim_one(database, lease_seconds=60)
        assert suspect.id == job
        assert await suspects.claim_one(database, lease_seconds=60) == []
        async with database.transaction() as connection:
            assert await claim.claim(connection, limit=9, lease_seconds=60) == []
            assert await claim.claim_express(connection, busy=[], lease_seconds=60) == []
            if job != jobs[-1]:
                # Runners look for it a few times a second, and not without a pause.
                assert 0.2 < (await claim.seconds_until_due(connection) or 0) <= 0.25
        await execute(database, "UPDATE job SET status = 'executed' WHERE id = :id", id=job)
    assert await suspects.claim_one(database, lease_seconds=60) == []
    async with database.connection() as connection:
        assert await claim.seconds_until_due(connection) is None


async def test_suspects_that_are_not_due_or_stopped_are_not_run(database: Database) -> None:
    stopped, later, due = [await submit(database, f"print({number})") for number in range(3)]
    await execute(database, "UPDATE job SET crashes = 1")
    await execute(database, "UPDATE job SET stop_reason = 'enough' WHERE id = :id", id=stopped)
    await execute(database, "UPDATE job SET run_after = now() + interval '1 hour' WHERE id = :id", id=later)
    [suspect] = await suspects.claim_one(database, lease_seconds=60)
    assert suspect.id == due
    await execute(database, "UPDATE job SET status = 'executed' WHERE id = :id", id=due)
    assert await suspects.claim_one(database, lease_seconds=60) == []
    async with database.transaction() as connection:
        [ordinary] = await claim.claim(connection, limit=9, lease_seconds=60)
    assert ordinary.id == stopped


async def test_suspects_that_have_ended_count_no_more(database: Database) -> None:
    """They keep the number of their interruptions. None delays a job, or takes the blame from the cause."""
    ended, cause = await submit(database, "print(1)"), await submit(database, POISON)
    ordinary = await submit(database, "print(2)")
    await execute(database, "UPDATE job SET status = 'executed', crashes = 2 WHERE id = :id", id=ended)
    await execute(database, "UPDATE job SET crashes = 1 WHERE id = :id", id=cause)
    [suspect] = await suspects.claim_one(database, lease_seconds=60)
    await execute(database, "UPDATE job SET crashed_at = now() + interval '1 minute' WHERE id = :id", id=ended)
    async with database.transaction() as connection:
        interruption = await suspects.interrupt(connection, suspect.lease_id, delay=0)
    assert interruption is not None
    assert (interruption.job, interruption.guilty) == (cause, True)
    async with database.transaction() as connection:
        claimed = await claim.claim(connection, limit=9, lease_seconds=60)
    assert {job.id for job in claimed} == {cause, ordinary}


async def test_a_cause_without_a_digest_is_stopped_too(database: Database) -> None:
    """Submissions of the original system have none, so there is nothing to put in quarantine."""
    await execute(database, "UPDATE job SET crashes = 1 WHERE id = :id", id=await add_job(database))
    [suspect] = await suspects.claim_one(database, lease_seconds=60)
    async with database.transaction() as connection:
        interruption = await suspects.interrupt(connection, suspect.lease_id, delay=0)
    assert interruption is not None
    assert interruption.guilty
    assert await fetch(database, "SELECT FROM quarantine") == []


async def test_a_run_alone_waits_for_no_others_but_those_alone(database: Database) -> None:
    """Each run alone is due some time after the last one that waits."""
    ended, _, alone, other = [await submit(database, f"print({number})") for number in range(4)]
    await execute(database, "UPDATE job SET crashes = 1, run_after = now() + interval '1 hour'")
    await execute(database, "UPDATE job SET crashes = 2, status = 'executed' WHERE id = :id", id=ended)
    await execute(database, "UPDATE job SET crashes = 0, run_after = now() WHERE id = :id", id=other)
    await execute(database, "UPDATE job SET run_after = now() WHERE id = :id", id=alone)
    [suspect] = await suspects.claim_one(database, lease_seconds=60)
    async with database.transaction() as connection:
        assert [job.id for job in await claim.claim(connection, limit=9, lease_seconds=60)] == [other]
        interruption = await suspects.interrupt(connection, suspect.lease_id, delay=0)
    assert interruption is not None
    assert (interruption.job, interruption.crashes, interruption.guilty) == (alone, 2, False)
    due = await fetch(database, "SELECT id FROM job WHERE run_after < now() + interval '1 minute' ORDER BY id")
    assert [row["id"] for row in due] == [alone, other]


async def test_a_foreign_row_that_never_ends_delays_no_job(database: Database) -> None:
    """The original's consumer may have left such a row, without a lease."""
    foreign, alone = await submit(database, "print(1)"), await submit(database, "print(2)")
    await execute(database, "UPDATE job SET status = 'executing' WHERE id = :id", id=foreign)
    await execute(database, "UPDATE job SET crashes = 2 WHERE id = :id", id=alone)
    [suspect] = await suspects.claim_one(database, lease_seconds=60, grace=0)
    assert suspect.id == alone


async def test_no_job_starts_while_a_suspect_is_to_run_alone(database: Database) -> None:
    alone, other = await submit(database, "print(1)"), await submit(database, "print(2)")
    async with database.transaction() as connection:
        [running] = await claim.claim(connection, limit=1, lease_seconds=3600)
    await execute(
        database, "UPDATE job SET crashes = 2, run_after = now() - interval '1 minute' WHERE id = :id", id=other
    )
    assert running.id == alone
    third = await submit(database, "print(3)")
    async with database.transaction() as connection:
        assert await claim.claim(connection, limit=9, lease_seconds=3600) == []
        assert await claim.claim_express(connection, busy=[], lease_seconds=3600) == []
    assert await suspects.claim_one(database, lease_seconds=3600) == []
    async with database.transaction() as connection:
        await claim.release(connection, running.lease_id)
    [suspect] = await suspects.claim_one(database, lease_seconds=3600)
    assert suspect.id == other
    async with database.transaction() as connection:
        assert await claim.claim(connection, limit=9, lease_seconds=3600) == []
        await claim.retry_later(connection, suspect.lease_id, delay=3600, reason="away")
        begun = await claim.claim(connection, limit=9, lease_seconds=3600)
    assert [job.id for job in begun] == [alone, third]
