"""Reads what the event stream of a submission needs."""

from typing import Final

from api_service.events.event_log import Snapshot
from shared.adapters.database.connection import Connection, Database
from shared.records.resources.mapping import state_of
from shared.records.resources.statements import LATEST_JOB
from shared.records.resources.states import State

_READ: Final = f"""
    SELECT u.id, u.owner, u.runs, u.request_id IS NOT NULL AS is_requested, u.outcome, u.created_at,
        coalesce(j.requested_at, u.requested_at) AS requested_at, j.id AS job, j.status, j.attempt, j.started_at,
        j.finished_at,
        (SELECT max(number) FROM test_results WHERE test_results.job = j.id AND test_results.attempt = j.attempt)
            AS tests
    FROM uploads u {LATEST_JOB}
    WHERE u.id = :id
"""  # noqa: S608  (constants)


async def read(database: Database, submission: int) -> Snapshot | None:
    """Return a submission as it is now; None if it does not exist."""
    row = await database.call(Connection.fetch_one, _READ, {"id": submission})
    if row is None:
        return None
    state = state_of(row)
    return Snapshot(
        submission=row["id"],
        state=state,
        run=row["runs"],
        # A job counts its attempts as they begin.
        attempt=(row["attempt"] or 0) + (state is State.QUEUED),
        created_at=row["created_at"],
        requested_at=row["requested_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        tests=row["tests"] or 0,
        owner=row["owner"],
        job=row["job"],
    )
