"""Reads what event streams need of their submissions: those of many streams in one statement."""

import asyncio
from dataclasses import dataclass
from typing import Final

from api_service.event_log import Snapshot
from shared.database.connection import Database, Record
from shared.job_state import JobState
from shared.resources.models import State

#: Submissions of one statement.
_MOST: Final = 500
_READ: Final = """
    SELECT u.id, u.owner, u.runs, u.request_id IS NOT NULL AS is_requested, u.outcome, u.created_at,
        coalesce(j.requested_at, u.requested_at) AS requested_at, j.id AS job, j.status, j.attempt, j.started_at,
        j.finished_at,
        (SELECT max(number) FROM test_results WHERE test_results.job = j.id AND test_results.attempt = j.attempt)
            AS tests
    FROM uploads u LEFT JOIN LATERAL (
        -- While a request is under way, the job of an earlier request is not the latest run.
        SELECT * FROM job WHERE job.upload = u.id AND (u.request_id IS NULL OR job.request_id = u.request_id)
        ORDER BY job.id DESC LIMIT 1
    ) AS j ON true
    WHERE u.id = ANY(:ids)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """A submission as it was read. `owner` is its key, `job` the job of its latest run; each may be None."""

    snapshot: Snapshot
    owner: int | None
    job: int | None


class Snapshots:
    """Reads submissions. Those that are asked for while a statement runs are read together by the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[int, list[asyncio.Future[Reading | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, submission: int) -> Reading | None:
        """Return a submission as it is now, or None if there is none. Raises `DatabaseUnavailable`."""
        future: asyncio.Future[Reading | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(submission, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._read_all())
        return await future

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                ids = list(self._waiting)[:_MOST]
                waiting = {submission: self._waiting.pop(submission) for submission in ids}
                try:
                    async with self._database.connection() as connection:
                        rows = await connection.fetch_all(_READ, {"ids": ids})
                except Exception as exc:
                    _settle([future for futures in waiting.values() for future in futures], exc)
                    continue
                found = {row["id"]: row for row in rows}
                for submission, futures in waiting.items():
                    row = found.get(submission)
                    _settle(futures, _reading(row) if row else None)
        finally:
            self._task = None


def _settle(futures: list[asyncio.Future[Reading | None]], result: Reading | Exception | None) -> None:
    for future in futures:
        if future.done():  # its client has gone
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _reading(row: Record) -> Reading:
    state = _state(row)
    # A job counts its attempts as they begin.
    attempt = (row["attempt"] or 0) + (state is State.QUEUED)
    return Reading(
        Snapshot(
            submission=row["id"],
            state=state,
            run=row["runs"],
            attempt=attempt,
            created_at=row["created_at"],
            requested_at=row["requested_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            tests=row["tests"] or 0,
        ),
        row["owner"],
        row["job"],
    )


def _state(row: Record) -> State:
    if row["is_requested"]:
        return State.RUNNING if row["status"] == JobState.EXECUTING else State.QUEUED
    return State(row["outcome"]) if row["outcome"] else State.HELD
