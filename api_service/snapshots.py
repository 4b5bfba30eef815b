"""Reads what event streams need of their submissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api_service.event_log import Snapshot
from shared.database.connection import Database, Record
from shared.resources.mapping import state_of
from shared.resources.models import State
from shared.resources.statements import LATEST_JOB

_READ: Final = f"""
    SELECT u.id, u.owner, u.runs, u.request_id IS NOT NULL AS is_requested, u.outcome, u.created_at,
        coalesce(j.requested_at, u.requested_at) AS requested_at, j.id AS job, j.status, j.attempt, j.started_at,
        j.finished_at,
        (SELECT max(number) FROM test_results WHERE test_results.job = j.id AND test_results.attempt = j.attempt)
            AS tests
    FROM uploads u {LATEST_JOB}
    WHERE u.id = ANY(:ids)
"""  # noqa: S608  (constants)


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
    state = state_of(row)
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
