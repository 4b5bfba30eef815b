"""Programs that stop their engine or runner, among harmless ones."""

import asyncio
from collections import Counter

import pytest

from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import EngineCrashed
from shared.engine_api.codex import ALONE
from tests.factories import BRANDING
from tests.integration.job_runner.engines import PlayedEngine
from tests.integration.rows import add_job, execute, fetch
from tests.waiting import eventually

POISON = "poison"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 0.0)


class Machine:
    """Two engines. The first death waits until every job is under way somewhere, and ends all runs."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.under_way: set[asyncio.Future[None]] = set()
        self.all_under_way = asyncio.Event()
        self.runs: Counter[str] = Counter()
        self.beside: list[int] = []
        self.deaths = 0

    async def play(self, source: str) -> None:
        self.runs[source] += 1
        if self.deaths:
            self.beside.append(len(self.under_way))
        died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way.add(died)
        if len(self.under_way) == self.jobs:
            self.all_under_way.set()
        try:
            if source.startswith(POISON):
                await self.all_under_way.wait()
                self.deaths += 1
                for run in self.under_way:
                    if not run.done():
                        run.set_exception(EngineCrashed("the engine closed the connection during the run"))
            if self.deaths == 0 or died.done():
                await died
        finally:
            self.under_way.discard(died)


async def test_an_engine_killer_runs_twice_and_its_neighbours_end(
    database: Database, other_databases: list[Database], store: LocalStore
) -> None:
    innocent = [await add_job(database, contents=f"print({number})") for number in range(5)]
    culprits = [await add_job(database, contents=f"{POISON} {number}") for number in range(3)]
    machine = Machine(jobs=8)
    stop = asyncio.Event()
    settings = RunnerSettings(runner_concurrency=4, poll_interval=3600)
    runners = [
        asyncio.create_task(
            Runner(one, Processor(one, store, PlayedEngine(machine.play), BRANDING, 20), settings).run(stop)
        )
        for one in (database, other_databases[0])
    ]

    async def ended() -> bool:
        rows = await fetch(database, "SELECT count(*) AS n FROM job WHERE status IN ('executed', 'failed')")
        return bool(rows[0]["n"] == 8)

    await eventually(ended, timeout=60, what="every job has its end")
    stop.set()
    await asyncio.gather(*runners)

    rows = {row["id"]: row for row in await fetch(database, "SELECT id, status, attempt, stop_reason FROM job")}
    assert {(rows[job]["status"], rows[job]["attempt"]) for job in innocent} == {("executed", 1)}
    reason = "the engine stopped while it ran this program, 2 times"
    assert {(rows[job]["status"], rows[job]["stop_reason"]) for job in culprits} == {("failed", reason)}
    assert max(machine.runs.values()) == 2
    # After the first death, every interrupted job ran alone.
    assert set(machine.beside) == {0}
    mails = await fetch(database, "SELECT text FROM emails WHERE kind = 'failure'")
    assert len(mails) == len(culprits)
    for mail in mails:
        assert reason in mail["text"]
        assert "You may request it again" in mail["text"]


async def test_a_runner_killer_runs_twice_and_its_neighbours_end(database: Database) -> None:
    """A runner with poison among its jobs dies, and its leases expire."""
    innocent = [await add_job(database, contents=f"print({number})") for number in range(9)]
    poison = await add_job(database, contents=POISON)
    deaths = 0
    for _ in range(40):
        jobs = await poison_jobs.claim_alone(database, lease_seconds=60, grace=0)
        async with database.transaction() as connection:
            jobs += await claim.claim(connection, limit=4, lease_seconds=60)
        if any(job.id == poison and job.stop_reason is None for job in jobs):
            deaths += 1
            await expire(database, jobs)
            async with database.transaction() as connection:
                await poison_jobs.rescue(connection)
        else:
            for job in jobs:
                await end(database, job.id, "executed" if job.stop_reason is None else "failed")
    rows = {row["id"]: row for row in await fetch(database, "SELECT id, status, attempt, stop_reason FROM job")}
    assert {(rows[job]["status"], rows[job]["attempt"]) for job in innocent} == {("executed", 1)}
    assert rows[poison]["status"] == "failed"
    assert rows[poison]["stop_reason"] == "the runner stopped while it ran this program, 2 times"
    assert deaths == 2


async def expire(database: Database, jobs: list[ClaimedJob]) -> None:
    await execute(
        database, "UPDATE job SET lease_expires_at = '-infinity' WHERE id = ANY(:ids)", ids=[job.id for job in jobs]
    )


async def end(database: Database, job: int, state: str = "executed") -> None:
    await execute(
        database,
        "UPDATE job SET status = :state, lease_id = NULL, finished_at = now() WHERE id = :id",
        state=state,
        id=job,
    )


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_interruption_beside_others_is_not_the_last(database: Database, is_first: bool) -> None:
    """A claim may have begun before the first was due. The others are still running, or have been handed back."""
    interrupted, other = await add_job(database), await add_job(database)
    async with database.transaction() as connection:
        both = await claim.claim(connection, limit=2, lease_seconds=60)
    await execute(database, "UPDATE job SET crashes = 1 WHERE id = :id", id=interrupted)
    assert {job.id for job in both} == {interrupted, other}
    for job in sorted(both, key=lambda job: job.id, reverse=not is_first):
        async with database.transaction() as connection:
            await poison_jobs.interrupt(connection, job.lease_id, "it died")
    [row] = await fetch(database, "SELECT crashes, stop_reason FROM job WHERE id = :id", id=interrupted)
    assert row == {"crashes": 2, "stop_reason": None}


async def test_suspects_run_one_at_a_time(database: Database) -> None:
    jobs = [await add_job(database) for _ in range(3)]
    await execute(database, "UPDATE job SET crashes = 1, run_after = now() - interval '1 minute'")
    for job in jobs:
        at_once = [poison_jobs.claim_alone(database, lease_seconds=60) for _ in range(3)]
        [interrupted] = [one for taken in await asyncio.gather(*at_once) for one in taken]
        assert (interrupted.id, interrupted.share) == (job, ALONE)
        async with database.transaction() as connection:
            assert await claim.claim(connection, limit=9, lease_seconds=60) == []
            assert await claim.claim_for_reserved_slot(connection, busy=[], lease_seconds=60) == []
            seconds, is_interrupted = await claim.next_due(connection)
            assert is_interrupted == (job != jobs[-1])
            if is_interrupted:
                # Runners look for it a few times a second, and not without a pause.
                assert 0.2 < seconds <= 0.25
        await end(database, job)
    assert await poison_jobs.claim_alone(database, lease_seconds=60) == []


async def test_suspects_that_are_not_due_or_stopped_are_not_run(database: Database) -> None:
    stopped, later = await add_job(database), await add_job(database)
    await execute(database, "UPDATE job SET crashes = 1, run_after = now() - interval '1 minute'")
    await execute(database, "UPDATE job SET stop_reason = 'enough' WHERE id = :id", id=stopped)
    await execute(database, "UPDATE job SET run_after = now() + interval '1 hour' WHERE id = :id", id=later)
    assert await poison_jobs.claim_alone(database, lease_seconds=60) == []
    async with database.transaction() as connection:
        [ordinary] = await claim.claim(connection, limit=9, lease_seconds=60)
    assert ordinary.id == stopped


async def test_a_foreign_row_that_never_ends_delays_no_job(database: Database) -> None:
    """The original's consumer may have left such a row, without a lease."""
    foreign, alone = await add_job(database), await add_job(database)
    await execute(database, "UPDATE job SET status = 'executing' WHERE id = :id", id=foreign)
    await execute(database, "UPDATE job SET crashes = 1 WHERE id = :id", id=alone)
    [interrupted] = await poison_jobs.claim_alone(database, lease_seconds=60, grace=0)
    assert interrupted.id == alone


async def test_no_job_starts_while_a_suspect_is_to_run_alone(database: Database) -> None:
    first, alone = await add_job(database), await add_job(database)
    async with database.transaction() as connection:
        [running] = await claim.claim(connection, limit=1, lease_seconds=3600)
    assert running.id == first
    await execute(
        database, "UPDATE job SET crashes = 1, run_after = now() - interval '1 minute' WHERE id = :id", id=alone
    )
    third = await add_job(database)
    async with database.transaction() as connection:
        assert await claim.claim(connection, limit=9, lease_seconds=3600) == []
        assert await claim.claim_for_reserved_slot(connection, busy=[], lease_seconds=3600) == []
    assert await poison_jobs.claim_alone(database, lease_seconds=3600) == []
    async with database.transaction() as connection:
        await claim.release(connection, running.lease_id)
    [interrupted] = await poison_jobs.claim_alone(database, lease_seconds=3600)
    assert interrupted.id == alone
    async with database.transaction() as connection:
        assert await claim.claim(connection, limit=9, lease_seconds=3600) == []
        await claim.retry_later(connection, interrupted.lease_id, delay=3600, reason="away", is_charged=False)
        begun = await claim.claim(connection, limit=9, lease_seconds=3600)
    assert [job.id for job in begun] == [first, third]


async def test_pauses_between_runs_alone_grow_with_culprits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that stops by itself fails few programs, and others run meanwhile. An innocent job delays nothing, also
    if it was interrupted twice."""
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 5.0)
    culprits = [await add_job(database) for _ in range(3)]
    innocent = await add_job(database)
    await execute(
        database,
        "UPDATE job SET status = 'executed', crashes = 2, crashed_at = now() - interval '50 s',"
        " started_at = now() - interval '49 s', finished_at = now() - interval '48 s' WHERE id = :id",
        id=innocent,
    )
    interrupted, other = await add_job(database), await add_job(database)
    await execute(
        database,
        "UPDATE job SET status = 'failed', stop_reason = 'x', crashes = 2, crashed_at = now() - interval '39 s',"
        " finished_at = now() - interval '39 s' WHERE id = ANY(:ids)",
        ids=culprits,
    )
    await execute(
        database,
        "UPDATE job SET crashes = 1, crashed_at = now() - interval '50 s', run_after = now() - interval '50 s'"
        " WHERE id = :id",
        id=interrupted,
    )
    assert await poison_jobs.claim_alone(database, lease_seconds=60, grace=0) == []
    async with database.transaction() as connection:
        [job] = await claim.claim(connection, limit=9, lease_seconds=60)
        assert job.id == other
        seconds, _ = await claim.next_due(connection)
    assert 0 < seconds < 1.01
    await end(database, other)
    await execute(
        database,
        "UPDATE job SET crashed_at = now() - interval '41 s', finished_at = now() - interval '41 s'"
        " WHERE id = ANY(:ids)",
        ids=culprits,
    )
    [taken] = await poison_jobs.claim_alone(database, lease_seconds=60, grace=0)
    assert taken.id == interrupted


async def test_neighbours_of_a_poison_run_soon_after_each_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a run alone that has ended, others have as long as it took: from one second to five."""
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 5.0)
    ended, interrupted = await add_job(database), await add_job(database)
    await execute(
        database,
        "UPDATE job SET crashes = 1, crashed_at = now() - interval '1 minute', run_after = now() - interval '1 minute'",
    )
    for took_s, pause_s in ((0.1, 1.0), (3.0, 3.0), (30.0, 5.0)):
        for ago_s, is_due in ((pause_s - 0.5, False), (pause_s + 0.1, True)):
            await execute(
                database,
                "UPDATE job SET status = 'executed', finished_at = now() - make_interval(secs => :ago),"
                " started_at = now() - make_interval(secs => :ago + :took) WHERE id = :id",
                ago=ago_s,
                took=took_s,
                id=ended,
            )
            taken = await poison_jobs.claim_alone(database, lease_seconds=60, grace=0)
            assert [job.id for job in taken] == [interrupted] * is_due, (took_s, ago_s)
            for job in taken:
                async with database.transaction() as connection:
                    await claim.release(connection, job.lease_id)
                await execute(database, "UPDATE job SET started_at = NULL WHERE id = :id", id=interrupted)
