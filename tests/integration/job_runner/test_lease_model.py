"""The lease protocol as a whole: steps of several workers, in any order, against a model.

Each step is one of a runner, a rescuer or an operator; hypothesis looks for an order that breaks a promise. A worker
that was thought dead keeps its old leases and goes on using them, which the fence must stop.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from job_runner.emails.texts.result_mail import render
from job_runner.leases import claim, poison_jobs
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.finish import JobResult, finish
from job_runner.verdict.outcome import Outcome, decide, give_up
from shared.adapters.database.connection import Connection, Database, DatabaseSettings
from shared.common.service.errors import PrecieuxError
from shared.engine_api.codex import RunResponse, Verdict
from shared.records.operations import jobs
from tests.factories import BRANDING
from tests.integration.rows import add_job, execute, fetch

WORKERS = st.integers(0, 2)
PICKS = st.integers(0, 1_000)


@dataclass
class Job:
    """The model's view of one job. Only the holder of `lease` may still write."""

    status: str = "none-executed"
    attempt: int = 0
    lease: UUID | None = None
    due: bool = True
    expired: bool = False
    stopped: bool = False
    crashes: int = 0
    started_at: int = 0
    crashed_at: int = 0
    ends: int = 0
    result: bool = False

    @property
    def is_interrupted(self) -> bool:
        return self.crashes > 0 and not self.stopped and self.status in ("none-executed", "executing")

    @property
    def waits(self) -> bool:
        return self.status == "none-executed"


@dataclass
class World:
    """The real system: a database, and an event loop that outlives every step."""

    url: str
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        self.database = Database(DatabaseSettings(database_url=SecretStr(self.url), database_pool_size=2))
        self.run(self.database.connect())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.database.disconnect())
        self.loop.close()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.close()


class Leases(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[int, Job] = {}
        self.clock = 0
        #: Every lease that a worker ever had, since a late writer keeps its lease.
        self.held: dict[int, list[ClaimedJob]] = {0: [], 1: [], 2: []}
        self.world.run(execute(self.world.database, "TRUNCATE uploads, job, results, emails CASCADE"))

    def transact(self, work: Any) -> Any:
        async def main() -> Any:
            async with self.world.database.transaction() as connection:
                return await work(connection)

        return self.world.run(main())

    def pick(self, worker: int, pick: int) -> ClaimedJob:
        return self.held[worker][pick % len(self.held[worker])]

    def is_live(self, lease: ClaimedJob) -> bool:
        return self.jobs[lease.id].lease == lease.lease_id

    @precondition(lambda self: len(self.jobs) < 4)
    @rule()
    def ask_for_execution(self) -> None:
        self.jobs[self.world.run(add_job(self.world.database))] = Job()

    @rule(worker=WORKERS, limit=st.integers(1, 3))
    def claim(self, worker: int, limit: int) -> None:
        everyone_waits = any(job.is_interrupted and not (job.waits and not job.due) for job in self.jobs.values())
        due = {
            number
            for number, job in self.jobs.items()
            if job.waits and job.due and not job.is_interrupted and not everyone_waits
        }
        taken = self.transact(lambda connection: claim.claim(connection, limit=limit, lease_seconds=3600))
        assert len(taken) == min(limit, len(due))
        for lease in taken:
            assert lease.id in due
            self.give(worker, lease)

    def give(self, worker: int, lease: ClaimedJob) -> None:
        self.clock += 1
        job = self.jobs[lease.id]
        job.status, job.attempt, job.lease, job.expired = "executing", job.attempt + 1, lease.lease_id, False
        job.started_at = self.clock
        assert lease.attempt == job.attempt
        assert (lease.stop_reason is not None) == job.stopped
        self.held[worker].append(lease)

    @rule(worker=WORKERS)
    def claim_a_suspect(self, worker: int) -> None:
        somebody_runs = any(job.status == "executing" for job in self.jobs.values())
        free = {
            number
            for number, job in self.jobs.items()
            if job.is_interrupted and job.waits and job.due and not somebody_runs
        }
        taken = self.world.run(poison_jobs.claim_alone(self.world.database, lease_seconds=3600, grace=0))
        assert len(taken) == bool(free)
        for lease in taken:
            assert lease.id in free
            self.give(worker, lease)

    @precondition(lambda self: any(self.held.values()))
    @rule(worker=WORKERS)
    def heartbeat(self, worker: int) -> None:
        mine = self.held[worker]
        live = {lease.lease_id for lease in mine if self.is_live(lease)}
        ours = self.transact(
            lambda connection: claim.heartbeat(connection, [lease.lease_id for lease in mine], lease_seconds=3600)
        )
        assert ours == live
        for job in self.jobs.values():
            if job.lease in live:
                job.expired = False

    @precondition(lambda self: any(self.held.values()))
    @rule(worker=WORKERS, pick=PICKS)
    def shut_down_and_hand_back(self, worker: int, pick: int) -> None:
        if not self.held[worker]:
            return
        lease = self.pick(worker, pick)
        live = self.is_live(lease)
        self.transact(lambda connection: claim.release(connection, lease.lease_id))
        if live:
            job = self.jobs[lease.id]
            job.status, job.lease, job.attempt = "none-executed", None, job.attempt - 1

    @precondition(lambda self: any(self.held.values()))
    @rule(worker=WORKERS, pick=PICKS, soon=st.booleans(), is_charged=st.booleans())
    def fail_and_hand_back(self, worker: int, pick: int, soon: bool, is_charged: bool) -> None:
        if not self.held[worker]:
            return
        lease = self.pick(worker, pick)
        live = self.is_live(lease)
        delay = 0 if soon else 3600
        self.transact(
            lambda connection: claim.retry_later(
                connection, lease.lease_id, delay=delay, reason="away", is_charged=is_charged
            )
        )
        if live:
            job = self.jobs[lease.id]
            job.status, job.lease, job.due = "none-executed", None, soon
            job.attempt -= not is_charged

    @precondition(lambda self: any(self.held.values()))
    @rule(worker=WORKERS, pick=PICKS, end=st.sampled_from(["ok", "compile error", "given up"]))
    def finish(self, worker: int, pick: int, end: str) -> None:
        if not self.held[worker]:
            return
        lease = self.pick(worker, pick)
        live = self.is_live(lease)
        outcome = _outcome(end)
        written = self.transact(lambda connection: _finish(connection, lease, outcome))
        assert written == live
        if live:
            job = self.jobs[lease.id]
            job.status, job.lease, job.ends = str(outcome.state), None, job.ends + 1
            job.result = outcome.answer is not None

    @precondition(lambda self: any(job.lease for job in self.jobs.values()))
    @rule(pick=PICKS)
    def a_lease_runs_out(self, pick: int) -> None:
        leased = [number for number, job in self.jobs.items() if job.lease]
        number = leased[pick % len(leased)]
        self.world.run(
            execute(
                self.world.database,
                "UPDATE job SET lease_expires_at = now() - interval '1 second' WHERE id = :id",
                id=number,
            )
        )
        self.jobs[number].expired = True

    @rule()
    def rescue(self) -> None:
        expired = {number for number, job in self.jobs.items() if job.lease and job.expired}
        executing = {number for number, job in self.jobs.items() if job.status == "executing"}
        waiting = [job for job in self.jobs.values() if job.is_interrupted and job.waits]
        rescued = self.transact(poison_jobs.rescue)
        assert set(rescued) == expired
        self.clock += 1
        for number in expired:
            job = self.jobs[number]
            beside = executing != {number} or any(other.crashed_at >= job.started_at for other in waiting)
            job.status, job.lease, job.attempt = "none-executed", None, job.attempt - 1
            job.crashes, job.crashed_at = job.crashes + 1, self.clock
            is_culprit = not job.stopped and job.crashes > 1 and not beside
            job.due = True
            job.stopped = job.stopped or is_culprit

    @precondition(lambda self: any(not job.due for job in self.jobs.values()))
    @rule()
    def time_passes(self) -> None:
        self.world.run(execute(self.world.database, "UPDATE job SET run_after = now()"))
        for job in self.jobs.values():
            job.due = True

    @precondition(lambda self: self.jobs)
    @rule(pick=PICKS)
    def the_operator_cancels(self, pick: int) -> None:
        number = list(self.jobs)[pick % len(self.jobs)]
        job = self.jobs[number]
        try:
            self.transact(lambda connection: jobs.cancel(connection, number))
        except PrecieuxError:
            assert job.status in ("executed", "failed")
        else:
            assert job.status in ("none-executed", "executing")
            job.status, job.lease, job.due, job.stopped = "none-executed", None, True, True

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        rows = self.world.run(
            fetch(
                self.world.database,
                "SELECT job.id, job.status, attempt, lease_id, stop_reason IS NOT NULL AS is_stopped,"
                " uploads.request_id IS NOT NULL AS pending,"
                " (SELECT count(*) FROM results WHERE results.job = job.id) AS results,"
                " (SELECT count(*) FROM emails WHERE emails.job = job.id) AS mails"
                " FROM job JOIN uploads ON uploads.id = upload",
            )
        )
        assert len(rows) == len(self.jobs)
        for row in rows:
            job = self.jobs[row["id"]]
            assert (row["status"], row["attempt"], row["lease_id"]) == (job.status, job.attempt, job.lease)
            assert row["is_stopped"] == job.stopped
            assert job.ends <= 1
            assert (row["results"], row["mails"]) == (int(job.result), job.ends)
            assert row["pending"] == (job.ends == 0)

    def teardown(self) -> None:
        """Check that, after all leases have expired, one honest worker ends every job."""
        database = self.world.database
        self.world.run(execute(database, "UPDATE job SET run_after = now(), lease_expires_at = '-infinity'"))
        self.transact(poison_jobs.rescue)
        while True:
            self.world.run(execute(database, "UPDATE job SET run_after = now()"))
            leases = self.world.run(poison_jobs.claim_alone(database, lease_seconds=3600, grace=0))
            leases += self.transact(lambda connection: claim.claim(connection, limit=10, lease_seconds=3600))
            if not leases:
                break
            for lease in leases:
                assert self.transact(lambda connection, lease=lease: _finish(connection, lease, _outcome("ok")))
        rows = self.world.run(
            fetch(
                database,
                "SELECT (SELECT count(*) FROM emails WHERE emails.job = job.id) AS mails"
                " FROM job WHERE status IN ('executed', 'failed')",
            )
        )
        assert [row["mails"] for row in rows] == [1] * len(self.jobs)


def _outcome(end: str) -> Outcome:
    if end == "given up":
        return give_up("no engine")
    verdict = Verdict.OK if end == "ok" else Verdict.COMPILE_ERROR
    return decide(RunResponse(timeStamp=1, status=200, output="out", verdict=verdict))


async def _finish(connection: Connection, lease: ClaimedJob, outcome: Outcome) -> bool:
    email = render(lease, outcome, BRANDING)
    [ours] = await finish(connection, [JobResult(lease, outcome, email)])
    return ours


@pytest.mark.slow
def test_no_order_of_steps_breaks_the_lease_protocol(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 0.0)
    machine = type("Machine", (Leases,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            derandomize=True,
            # A failure is shrunk; to find and explain all others would take minutes.
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
