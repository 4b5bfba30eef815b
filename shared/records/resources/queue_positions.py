"""The places of waiting submissions in the queue, and when they may start.

A place is the number of jobs that are claimed before it, and 1. Keys take turns (docs/adr/0007): the jobs with the
lowest turns decide which key is next, and that key's job with the lowest place is taken. So a key's nth job by place
gets the key's nth turn. Jobs that come later may still be claimed earlier.

The estimate is simple: the jobs ahead, each as long as the latest runs were on average, on as many slots as are in use.

`Front` is what a call needs that places many new submissions: it asks the database once for all keys.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.adapters.database.connection import Connection
from shared.records.resources.models import Queue

#: Jobs that are looked at. Every job behind them has the next place.
_MAX_JOBS: Final = 5000
#: The latest runs, whose mean is the estimate for one.
_SAMPLE: Final = 20

_WAITING: Final = f"""
    FROM job WHERE status = 'none-executed' AND upload IS NOT NULL ORDER BY turn, id LIMIT {_MAX_JOBS}
"""
_SPEED: Final = f"""
    SELECT (SELECT count(*) FROM job WHERE status = 'executing') AS running,
        (SELECT avg(extract(epoch FROM job.finished_at - job.started_at))
            FROM (SELECT job FROM results ORDER BY id DESC LIMIT {_SAMPLE}) AS latest
            JOIN job ON job.id = latest.job) AS seconds
"""  # noqa: S608  (constants)
_READ_FRONT: Final = f"""
    SELECT turns, owners, running, CAST(seconds AS float8) AS seconds
    FROM (SELECT array_agg(turn) AS turns, array_agg(owner) AS owners FROM (SELECT turn, owner {_WAITING}) AS front)
        AS waiting
    CROSS JOIN ({_SPEED}) AS speed
"""  # noqa: S608  (constants)

# Materialized: otherwise the plan has a copy of each part for each of its uses, and takes twice as long to make.
_PLACES: Final = f"""
    WITH waiting AS MATERIALIZED (
        SELECT upload, owner, turn, run_after, row_number() OVER (ORDER BY turn, id) AS position,
            row_number() OVER (PARTITION BY owner ORDER BY turn, id) AS nth_turn,
            row_number() OVER (PARTITION BY owner ORDER BY place, id) AS nth_place
        FROM (SELECT id, upload, owner, turn, place, run_after {_WAITING}) AS front
    ), placed AS MATERIALIZED (
        SELECT u.id, mine.run_after, coalesce(
            slot.position,
            CASE
                -- The job is behind those that were looked at, or is not made yet: then it follows its key's last one,
                -- and those of its batch that are not made yet either.
                WHEN EXISTS (SELECT FROM job WHERE job.upload = u.id AND job.request_id = u.request_id)
                    THEN {_MAX_JOBS} + 1
                ELSE 1 + (SELECT count(*) FROM waiting WHERE turn <= coalesce(
                    (SELECT max(turn) + 1 FROM waiting WHERE owner = coalesce(u.owner, 0)),
                    (SELECT min(turn) FROM waiting))) + (
                    SELECT count(*) FROM uploads earlier
                    WHERE earlier.batch = u.batch AND earlier.id < u.id AND earlier.request_id IS NOT NULL
                        AND NOT EXISTS (SELECT FROM job WHERE job.request_id = earlier.request_id))
            END) AS position
        FROM uploads u LEFT JOIN waiting mine ON mine.upload = u.id
        LEFT JOIN waiting slot ON slot.owner = mine.owner AND slot.nth_turn = mine.nth_place
        WHERE u.id = ANY(:uploads) AND u.request_id IS NOT NULL
    ), speed AS MATERIALIZED ({_SPEED})
    SELECT placed.id, placed.position, greatest(placed.run_after, now() + make_interval(secs =>
        CASE WHEN running = 0 THEN (position - 1) * coalesce(seconds, 0) ELSE position * seconds / running END
    )) AS estimated_start_at
    FROM placed CROSS JOIN speed
"""  # noqa: S608  (constants)


async def places(connection: Connection, uploads: Collection[int]) -> dict[int, Queue]:
    """Return the place of each of these submissions whose job waits or runs, in one statement."""
    if not uploads:
        return {}
    rows = await connection.fetch_all(_PLACES, {"uploads": list(uploads)})
    return {row["id"]: Queue(position=row["position"], estimated_start_at=row["estimated_start_at"]) for row in rows}


class Front:
    """The front of the queue at one moment, and how many submissions of each key have got a place since."""

    def __init__(self, turns: Sequence[int], owners: Sequence[int], running: int, seconds: float | None) -> None:
        """`turns` are those of the waiting jobs in their order, and `owners` their keys."""
        self._turns = turns
        self._last_turns = dict(zip(owners, turns, strict=True))
        self._running = running
        self._seconds = seconds
        self._since: Counter[int] = Counter()

    def next_place(self, owner: int) -> Queue:
        """Return the place of the submission that a key is about to post."""
        since = self._since[owner]
        self._since[owner] += 1
        last_turn = self._last_turns.get(owner, self._turns[0] - 1 if self._turns else 0)
        position = 1 + bisect_right(self._turns, last_turn + 1 + since) + since
        return Queue(position=position, estimated_start_at=self._start(position))

    def _start(self, position: int) -> datetime | None:
        if not self._running:
            wait = (position - 1) * (self._seconds or 0.0)
        elif self._seconds is None:
            return None
        else:
            wait = position * self._seconds / self._running
        return datetime.now(UTC) + timedelta(seconds=wait)


async def front(connection: Connection) -> Front:
    """Return the front of the queue, in one statement that costs the same for one key as for many."""
    [row] = await connection.fetch_all(_READ_FRONT)
    return Front(row["turns"] or [], row["owners"] or [], row["running"], row["seconds"])
