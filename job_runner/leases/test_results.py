"""Writes the results of tests soon after their tests end: those of all jobs under way together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_core import to_json

from job_runner.leases.claim import ClaimedJob, LeaseLost
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.adapters.database.group_commit import GroupCommit
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.program import TestSpec
from shared.engine_api.run_call.events import Collection, OutputStream, TestEnded, UnitTestEnded

log = get_logger(__name__)

#: Bytes of the results of one job that wait to be written. A run that has more waits until they are.
_MAX_WAITING: Final = 256 << 10
#: Seconds after a write before the next one. Many tests take a few milliseconds each, and a write costs nearly as much
#: processor time as a test.
_PACE_SECONDS: Final = 0.05
#: The delays between attempts to write what the database did not take.
_WRITING: Final = RetryPolicy(base=0.2, cap=5)

_WRITE: Final = """
    WITH ended AS MATERIALIZED (
        SELECT row.*, job.upload, job.attempt FROM unnest(
            CAST(:jobs AS bigint[]), CAST(:leases AS uuid[]), CAST(:numbers AS integer[]), CAST(:verdicts AS text[]),
            CAST(:points AS float8[]), CAST(:stdouts AS bytea[]), CAST(:stderrs AS bytea[]), CAST(:diffs AS text[]),
            CAST(:cuts AS text[]), CAST(:exit_codes AS integer[]), CAST(:signals AS integer[]),
            CAST(:cpu_s AS float8[]), CAST(:wall_s AS float8[]), CAST(:memory_bytes AS bigint[]),
            CAST(:messages AS text[]), CAST(:judge_messages AS text[]), CAST(:outcomes AS text[])
        ) AS row (job, lease_id, number, verdict, points_awarded, stdout, stderr, diff, cut, exit_code, signal, cpu_s,
            wall_s, memory_bytes, message, judge_message, outcome)
        JOIN job ON job.id = row.job AND job.lease_id = row.lease_id AND job.status = 'executing'
    ), written AS (
        INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr, diff, cut, exit_code,
            signal, cpu_s, wall_s, memory_bytes, message, judge_message, outcome)
        SELECT job, number, attempt, verdict, points_awarded, stdout, stderr, diff, string_to_array(cut, ','),
            exit_code, signal, cpu_s, wall_s, memory_bytes, message, judge_message, outcome
        FROM ended ORDER BY job, number
        ON CONFLICT (job, number) DO UPDATE SET attempt = excluded.attempt, verdict = excluded.verdict,
            points_awarded = excluded.points_awarded, stdout = excluded.stdout, stderr = excluded.stderr,
            diff = excluded.diff, cut = excluded.cut, exit_code = excluded.exit_code, signal = excluded.signal,
            cpu_s = excluded.cpu_s, wall_s = excluded.wall_s, memory_bytes = excluded.memory_bytes,
            message = excluded.message, judge_message = excluded.judge_message, outcome = excluded.outcome,
            ended_at = now()
    )
    SELECT job, number, pg_notify(:submissions, CAST(upload AS text)) FROM ended
"""

#: The same tests are collected in each run, so most runs write nothing.
_COLLECT: Final = """
    UPDATE uploads SET tests = CAST(:tests AS jsonb) FROM job
    WHERE job.id = :job AND job.lease_id = :lease_id AND job.status = 'executing' AND uploads.id = job.upload
        AND tests IS DISTINCT FROM CAST(:tests AS jsonb)
"""


@dataclass(frozen=True, slots=True)
class _Row:
    job: ClaimedJob
    event: TestEnded | UnitTestEnded
    points_awarded: float | None


class TestResults:
    """Writes results in groups. `writer` returns what writes those of one job."""

    __test__ = False  # pytest would take it for a test

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: GroupCommit[_Row, bool] = GroupCommit(self._write, pace=_PACE_SECONDS)

    def writer(self, job: ClaimedJob) -> "TestWriter":
        return TestWriter(self._group, job)

    async def collect(self, job: ClaimedJob, collection: Collection) -> None:
        """Write which unit tests there are. The results of the tests follow."""
        tests = [TestSpec(**test.model_dump()).stored() for test in collection.tests]
        values = {"tests": to_json(tests).decode(), "job": job.id, "lease_id": job.lease_id}
        await self._database.call(Connection.execute, _COLLECT, values)

    async def _write(self, rows: Sequence[_Row]) -> list[bool]:
        """Write the results of the jobs whose leases are still ours. Return False for each of the others."""
        events = [row.event for row in rows]
        values = {
            "jobs": [row.job.id for row in rows],
            "leases": [row.job.lease_id for row in rows],
            "numbers": [event.number for event in events],
            "verdicts": [event.verdict and str(event.verdict) for event in events],
            "points": [row.points_awarded for row in rows],
            "stdouts": [_written(event, "stdout") for event in events],
            "stderrs": [_written(event, "stderr") for event in events],
            "diffs": [
                strip_nul(event.diff) if isinstance(event, TestEnded) and event.diff else None for event in events
            ],
            "cuts": [",".join(event.truncated) for event in events],
            "exit_codes": [event.exit_code for event in events],
            "signals": [event.signal for event in events],
            "cpu_s": [event.cpu_s for event in events],
            "wall_s": [event.wall_s for event in events],
            "memory_bytes": [event.memory_bytes for event in events],
            "messages": [event.message and strip_nul(event.message) for event in events],
            "judge_messages": [event.judge_message and strip_nul(event.judge_message) for event in events],
            "outcomes": [str(event.outcome) if isinstance(event, UnitTestEnded) else None for event in events],
            "submissions": channels.SUBMISSIONS,
        }
        ended = await self._database.call(Connection.fetch_all, _WRITE, values)
        written = {(row["job"], row["number"]) for row in ended}
        return [(row.job.id, row.event.number) in written for row in rows]


def _written(event: TestEnded | UnitTestEnded, stream: OutputStream) -> bytes:
    exact: bytes | None = getattr(event, f"{stream}_bytes", None)
    return exact or str(getattr(event, stream)).encode("utf-8", "replace")


class TestWriter:
    """Writes the results of one job while its run goes on. Call `finish` at the end."""

    __test__ = False

    def __init__(self, group: GroupCommit[_Row, bool], job: ClaimedJob) -> None:
        self._group = group
        self._job = job
        self._waiting: list[tuple[_Row, asyncio.Future[bool]]] = []
        self._bytes = 0

    async def write(self, event: TestEnded | UnitTestEnded, points_awarded: float | None) -> None:
        """Have a result written. Raises `LeaseLost` if an earlier one was refused."""
        self._put(_Row(self._job, event, points_awarded))
        self._bytes += len(event.stdout) + len(event.stderr)
        self._bytes += len(event.message or "") + len(event.judge_message or "")
        if self._bytes > _MAX_WAITING:
            await self._flush()
        elif (first := self._waiting[0][1]).done() and first.exception() is None:
            self._check(self._waiting.pop(0)[1].result())

    async def finish(self) -> None:
        """Return when all results are written. Raises `LeaseLost` if the job is not ours any more.

        The program has run. While the database is away, its results wait.
        """
        failures = 0
        while True:
            try:
                return await self._flush()
            except DatabaseUnavailable as exc:
                failures += 1
                delay = _WRITING.delay(failures)
                log.warning("test_results.waiting", error=str(exc), next_try_s=round(delay, 1))
            await asyncio.sleep(delay)
            rows, self._waiting = [row for row, _ in self._waiting], []
            for row in rows:
                self._put(row)

    def _put(self, row: _Row) -> None:
        self._waiting.append((row, self._group.put(row)))

    async def _flush(self) -> None:
        self._group.hurry()
        for _, written in self._waiting:
            self._check(await written)
        self._waiting, self._bytes = [], 0

    def _check(self, is_written: bool) -> None:
        if not is_written:
            raise LeaseLost(f"job {self._job.id} is not ours any more")
