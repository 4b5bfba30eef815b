"""Reads the checks of packages from the database."""

from typing import Any, Final

from pydantic_core import from_json

from shared.adapters.database.connection import Connection, Record
from shared.records.resources.check_models import CheckedSubmission, ProblemCheck
from shared.records.resources.models import MailStatus

_CHECK: Final = """
    SELECT c.id, v.problem || '@' || v.version AS problem, c.state, c.verdict, c.batch, c.time_limit, c.data,
        c.submissions, c.created_at, c.finished_at, m.id AS mail, m.status AS mail_state, m.updated_at AS mail_changed
    FROM problem_checks c JOIN problem_versions v ON v.id = c.version
    LEFT JOIN LATERAL (
        SELECT id, status, updated_at FROM emails WHERE emails.batch = c.batch AND kind = 'check'
        ORDER BY id DESC LIMIT 1
    ) AS m ON true
"""
_LATEST: Final = f"{_CHECK} WHERE c.version = :version ORDER BY c.id DESC LIMIT 1"
_OF_ID: Final = f"{_CHECK} WHERE c.id = :id"
_OF_BATCH: Final = f"{_CHECK} WHERE c.batch = :batch"
#: What answers show of an entry of `submissions`. The rest is for the runner.
_SHOWN: Final = CheckedSubmission.model_fields.keys()


async def latest_check(connection: Connection, version: int) -> ProblemCheck | None:
    """Return the latest check of the version with this id; None before the first."""
    return _check(await connection.fetch_one(_LATEST, {"version": version}))


async def check(connection: Connection, id_: int) -> ProblemCheck | None:
    """Return a check by its id."""
    return _check(await connection.fetch_one(_OF_ID, {"id": id_}))


async def check_of_batch(connection: Connection, batch: int) -> ProblemCheck | None:
    """Return the check whose submissions are this batch; None if it has none."""
    return _check(await connection.fetch_one(_OF_BATCH, {"batch": batch}))


def _check(row: Record | None) -> ProblemCheck | None:
    if row is None:
        return None
    names = ("id", "problem", "state", "verdict", "batch", "created_at", "finished_at")
    values: dict[str, Any] = {name: row[name] for name in names}
    mail = None
    if row["mail"] is not None:
        mail = MailStatus(id=row["mail"], state=row["mail_state"], updated_at=row["mail_changed"])
    return ProblemCheck(
        **values,
        time_limit=from_json(row["time_limit"]) if row["time_limit"] else None,
        data=from_json(row["data"]) if row["data"] else [],
        submissions=[
            CheckedSubmission(**{name: entry[name] for name in entry.keys() & _SHOWN})
            for entry in from_json(row["submissions"])
        ],
        mail=mail,
    )
