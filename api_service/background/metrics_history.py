"""The figures of the operator's page over time: a row a minute in the database, for a day (docs/adr/0031).

Any number of API processes record them. The first one that writes the row of a minute measures that minute.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.adapters.database.connection import Connection, Database
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.operations import backlog
from shared.records.resources.kept_answers import forget_old

log = get_logger(__name__)

#: Seconds between two tries. Shorter than a minute, so that none is skipped.
_INTERVAL_SECONDS: Final = 20.0

#: Another process that writes the row of the same minute waits for this transaction, and then does nothing.
_CLAIM: Final = """
    INSERT INTO series (minute)
    -- A few seconds late, so that the transactions of the minute have been committed.
    VALUES (date_trunc('minute', now() - interval '5 seconds') - interval '1 minute')
    ON CONFLICT DO NOTHING RETURNING minute
"""
_ENDED: Final = """
    SELECT coalesce(verdict, status) AS verdict, count(*) AS count FROM (
        SELECT results.verdict, job.status FROM job LEFT JOIN results ON results.job = job.id
        WHERE finished_at >= :minute AND finished_at < CAST(:minute AS timestamptz) + interval '1 minute'
    ) AS ended GROUP BY 1
"""
_LATENCY: Final = """
    SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM finished_at - coalesce(requested_at, created_at))
    ) AS seconds
    FROM job WHERE finished_at >= :minute AND finished_at < CAST(:minute AS timestamptz) + interval '1 minute'
        AND status = 'executed'
"""
_MAILS: Final = """
    SELECT status, count(*) AS count FROM emails
    WHERE status NOT IN ('queued', 'sending')
        AND updated_at >= :minute AND updated_at < CAST(:minute AS timestamptz) + interval '1 minute'
    GROUP BY status
"""
_STORE: Final = "UPDATE series SET figures = CAST(:figures AS jsonb) WHERE minute = :minute"
_FORGET: Final = """
    DELETE FROM series USING (
        SELECT minute FROM series WHERE minute < CAST(:now AS timestamptz) - interval '1 day' FOR UPDATE SKIP LOCKED
    ) AS old WHERE series.minute = old.minute
"""
_READ: Final = "SELECT minute, figures FROM series WHERE minute > :after ORDER BY minute"


class Figures(BaseModel):
    """The figures of one minute.

    `waiting`, `running` and `mails_waiting` were counted at its end, and `oldest_s` is the age in seconds of the oldest
    request without a result. `ended` and `mails` count what ended in the minute: jobs by verdict or state, mails by
    state. `latency_s` are the seconds from a request to its result, of 50, 95 and 99 % of the runs.
    """

    model_config = ConfigDict(frozen=True)

    waiting: int = 0
    running: int = 0
    oldest_s: float = 0
    mails_waiting: int = 0
    ended: Mapping[str, int] = {}
    mails: Mapping[str, int] = {}
    latency_s: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Minute:
    at: datetime
    figures: Figures


async def record(connection: Connection) -> Minute | None:
    """Record the last whole minute in the caller's transaction. Return None if another process has done so."""
    claimed = await connection.fetch_one(_CLAIM)
    if claimed is None:
        return None
    values = {"minute": claimed["minute"]}
    waits = {wait.place: wait for wait in await backlog.measure(connection)}
    latency = await connection.fetch_one(_LATENCY, values)
    figures = Figures(
        waiting=waits["requested"].depth,
        running=waits["executing"].depth,
        oldest_s=waits["requested"].oldest_s or 0,
        mails_waiting=waits["mails"].depth + waits["sending"].depth,
        ended={row["verdict"]: row["count"] for row in await connection.fetch_all(_ENDED, values)},
        mails={row["status"]: row["count"] for row in await connection.fetch_all(_MAILS, values)},
        latency_s=(latency and latency["seconds"]) or (),
    )
    await connection.execute(_STORE, {**values, "figures": figures.model_dump_json()})
    await connection.execute(_FORGET, {"now": claimed["minute"]})
    return Minute(claimed["minute"], figures)


async def read(connection: Connection, after: datetime) -> list[Minute]:
    """Return the recorded minutes that begin after a time, in order."""
    rows = await connection.fetch_all(_READ, {"after": after})
    return [Minute(row["minute"], Figures.model_validate_json(row["figures"])) for row in rows]


async def keep_recording(database: Database, stop: asyncio.Event) -> None:
    """Record minutes until the service stops, and forget what is old. One of the API processes records each minute."""
    while not stop.is_set():
        try:
            async with database.transaction() as connection:
                if await record(connection):
                    await forget_old(connection)
        except TransientError as exc:
            log.warning("recorder.waiting", error=str(exc), next_try_s=_INTERVAL_SECONDS)
        await wait_any(stop, timeout=_INTERVAL_SECONDS)
