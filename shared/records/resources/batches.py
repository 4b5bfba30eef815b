"""Reads batches from the database."""

from collections import Counter
from typing import Final

from shared.adapters.database.connection import Connection
from shared.engine_api.codex import STORED_VERDICTS, Verdict
from shared.records.resources.links import Links
from shared.records.resources.mapping import webhook_of
from shared.records.resources.models import Batch, BatchProgress
from shared.records.resources.statements import STATE, owned
from shared.records.resources.states import FINAL_STATES, BatchState, State

_BATCH: Final = f"""
    SELECT b.id, b.digest, b.webhook_url, b.created_at, b.finished_at, w.status AS webhook_status,
        w.attempt AS webhook_attempt, w.last_status AS webhook_last_status, w.last_error AS webhook_last_error,
        w.run_after AS webhook_run_after
    FROM batches b LEFT JOIN LATERAL (
        SELECT status, attempt, last_status, last_error, run_after FROM webhooks
        WHERE webhooks.batch = b.id ORDER BY id DESC LIMIT 1
    ) AS w ON true
    WHERE b.id = :id AND {owned("b")}
"""  # noqa: S608  (constants)
_IDS: Final = "SELECT id FROM uploads WHERE batch = :id ORDER BY id"
_COUNTS: Final = f"""
    SELECT state, verdict, count(*) AS count FROM (
        SELECT {STATE}, CASE WHEN u.request_id IS NULL AND u.outcome = 'finished' THEN u.verdict END AS verdict
        FROM uploads u WHERE u.batch = :id
    ) AS member GROUP BY state, verdict
"""  # noqa: S608


async def batch(connection: Connection, number: int, *, links: Links, owner: int | None = None) -> Batch | None:
    """Return a batch, or None if it does not exist. With `owner`, only a batch of that key is found.

    Its submissions are in the order in which they were posted.
    """
    row = await connection.fetch_one(_BATCH, {"id": number, "owner": owner})
    if row is None:
        return None
    counts = await progress(connection, number)
    members = await connection.fetch_all(_IDS, {"id": number})
    return Batch(
        id=number,
        state=BatchState.RUNNING if row["finished_at"] is None else BatchState.FINISHED,
        **dict(counts),
        digest=row["digest"],
        webhook=webhook_of(row),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        submissions=[member["id"] for member in members],
        links=links.batch(number),
    )


async def progress(connection: Connection, number: int) -> BatchProgress:
    """Return how many of a batch's submissions are in each state and have each verdict."""
    states, verdicts = Counter[State](), Counter[Verdict]()
    for row in await connection.fetch_all(_COUNTS, {"id": number}):
        states[State(row["state"])] += row["count"]
        if row["verdict"] is not None:
            verdicts[Verdict(row["verdict"])] += row["count"]
    return BatchProgress(
        total=states.total(),
        done=sum(states[state] for state in FINAL_STATES),
        states={state: states[state] for state in State},
        verdicts={verdict: verdicts[verdict] for verdict in STORED_VERDICTS},
    )
