"""Two runners claim, beat, finish and rescue at once, as fast as they can, without a deadlock."""

import asyncio
import os
import random
import time

import pytest
import structlog.testing

from job_runner.emails.render import render
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.leases.rescuer import Rescuer
from job_runner.runs.finish import JobResult, finish
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from job_runner.verdict.outcome import decide
from queue_consumer.jobs import JobMaker
from shared.database import channels
from shared.database.connection import Database
from shared.engine.codex import RunResponse, Verdict
from shared.service.lifecycle import wait_any
from shared.storage.local import LocalStore
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.codex_only import CodexOnly
from tests.integration.rows import add_job, execute, fetch
from tests.waiting import eventually

pytestmark = pytest.mark.integration


async def test_a_heartbeat_and_a_group_of_outcomes_do_not_deadlock(database: Database) -> None:
    """The heartbeat comes when half of the outcomes are written: it waits for the first, and holds no other row.

    In the order of the leases in its call, or of their ids, it would hold a row that the outcomes need next.
    """
    for _ in range(2):
        await add_job(database)
    # The older job is that of the younger upload, so ids and uploads are in opposite orders.
    await execute(
        database,
        "UPDATE job SET upload = other.upload, request_id = other.request_id"
        " FROM (SELECT id, upload, NULL::uuid AS request_id FROM job) AS other WHERE other.id <> job.id",
    )
    async with database.transaction() as connection:
        jobs = await claim.claim(connection, limit=2, lease_seconds=60)
    first, second = sorted(jobs, key=lambda job: job.upload)
    assert first.id > second.id

    async def beat() -> set[object]:
        async with database.connection() as connection:
            return set(await claim.heartbeat(connection, [second.lease_id, first.lease_id], lease_seconds=60))

    async with database.transaction() as connection:
        assert await finish(connection, [_result(first)]) == [True]
        beating = asyncio.create_task(beat())
        await eventually(lambda: _is_blocked(database), what="the heartbeat waits for the outcomes")
        assert await finish(connection, [_result(second)]) == [True]
    assert await beating == set()


def _result(job: ClaimedJob) -> JobResult:
    outcome = decide(RunResponse(timeStamp=1, status=200, output="out", verdict=Verdict.OK))
    return JobResult(job, outcome, render(job, outcome, BRANDING))


async def _is_blocked(database: Database) -> bool:
    async def look() -> bool:
        # Queried as the role that waits: other roles do not see what it waits for.
        async with database.connection() as connection:
            waiting = await connection.fetch_all(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        return bool(waiting)

    # In another task: this one is inside a transaction.
    return await asyncio.create_task(look())


class EchoEngine(CodexOnly):
    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        return RunResponse(timeStamp=1, status=200, output=inputs, verdict=Verdict.OK)


@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
async def test_many_heartbeats_and_outcomes_at_once_cause_no_error(
    database: Database, other_databases: list[Database], store: LocalStore, seconds: float
) -> None:
    """Two runners, each with a heartbeat every 10 ms, and clients that repeat their requests all the time."""
    uploads = [await _upload(database, store) for _ in range(40)]
    stop = asyncio.Event()
    settings = RunnerSettings(runner_concurrency=20, poll_interval=3600)
    loops = []
    for other in other_databases[:2]:
        processor = Processor(other, store, EchoEngine(), BRANDING, 20)
        runner = Runner(other, processor, settings)
        loops += [runner.run(stop), Rescuer(other, interval=0.01).run(stop), _beat(runner, other, stop)]
    with structlog.testing.capture_logs() as records:
        running = [asyncio.create_task(loop) for loop in loops]
        requested = 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            maker = JobMaker(owner_of(database), store)
            jobs = await maker.make_all([(str(upload).encode(), None) for upload in uploads])
            requested += sum(1 for job in jobs if isinstance(job, int))
        await eventually(lambda: _all_ended(database), timeout=60)
        stop.set()
        await asyncio.gather(*running)
    bad = [record for record in records if record["log_level"] == "error" or "exc_info" in record]
    assert bad == []
    assert not [record for record in records if "deadlock" in str(record)]
    [done] = await fetch(database, "SELECT count(*) AS n FROM results")
    assert done["n"] == requested > 40


async def _beat(runner: Runner, database: Database, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await wait_any(stop, timeout=0.01)
        leases = list(runner._under_way)
        random.shuffle(leases)
        async with database.connection() as connection:
            await claim.heartbeat(connection, leases, lease_seconds=60)


async def _upload(database: Database, store: LocalStore) -> int:
    await add_job(database)
    [row] = await fetch(database, "SELECT max(id) AS id FROM uploads")
    upload = int(row["id"])
    key = f"{upload}.py"
    await store.put(key, os.urandom(4).hex().encode())
    await execute(database, "DELETE FROM job WHERE upload = :id", id=upload)
    await execute(
        database, "UPDATE uploads SET request_id = NULL, object_key = :key WHERE id = :id", id=upload, key=key
    )
    return upload


async def _all_ended(database: Database) -> bool:
    await execute(database, "UPDATE job SET run_after = now() WHERE status = 'none-executed'")
    async with database.connection() as connection:
        await connection.notify(channels.JOBS)
    return not await fetch(database, "SELECT FROM job WHERE status IN ('none-executed', 'executing')")
