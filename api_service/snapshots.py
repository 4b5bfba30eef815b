"""Reads what event streams need of their submissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api_service.event_log import Snapshot
from shared.database.connection import Database, Record
from shared.job_state import JobState
from shared.resources.models import State

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


async def read_all(database: Database, ids: Sequence[int]) -> dict[int, Reading]:
    """Return these submissions as they are now, by id. Those that do not exist are left out."""
    async with database.connection() as connection:
        rows = await connection.fetch_all(_READ, {"ids": list(ids)})
    return {row["id"]: _reading(row) for row in rows}


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
