"""Reads what the event stream of a submission needs."""

from dataclasses import fields
from typing import Final

from api_service.events.event_log import Snapshot
from shared.adapters.database.connection import Connection, Database
from shared.records.resources.mapping import state_of
from shared.records.resources.statements import LATEST_JOB
from shared.records.resources.states import State

_READ: Final = f"""
    SELECT u.id AS submission, u.owner, u.runs AS run, u.request_id IS NOT NULL AS is_requested, u.outcome,
        u.created_at, coalesce(j.requested_at, u.requested_at) AS requested_at, j.id AS job, j.status, j.attempt,
        j.started_at, j.finished_at,
        (SELECT coalesce(max(number), 0) FROM test_results
            WHERE test_results.job = j.id AND test_results.attempt = j.attempt) AS tests
    FROM uploads u {LATEST_JOB}
    WHERE u.id = :id
"""  # noqa: S608  (constants)
#: The columns that are called as what they become.
_SAME: Final = tuple(field.name for field in fields(Snapshot) if field.name not in ("state", "attempt"))


async def read(database: Database, submission: int) -> Snapshot | None:
    """Return a submission as it is now; None if it does not exist."""
    row = await database.call(Connection.fetch_one, _READ, {"id": submission})
    if row is None:
        return None
    state = state_of(row)
    # A job counts its attempts as they begin.
    attempt = (row["attempt"] or 0) + (state is State.QUEUED)
    return Snapshot(**{name: row[name] for name in _SAME}, state=state, attempt=attempt)
