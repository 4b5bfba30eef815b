"""Counts submissions for `GET /statistics`, and describes this machine for `GET /system_info`."""

import asyncio
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from cachetools import LRUCache

from api_service.cached import CachedFor
from shared.database.connection import Database, Record
from shared.engine.codex import Verdict
from shared.judge0.fields import timestamp
from shared.judge0.statuses import DESCRIPTIONS, ProgramEnd, Status, ending_of
from shared.resources.statements import LATEST_JOB, owned

_COUNTS: Final = f"""
    SELECT CAST(d.request ->> 'language_id' AS int) AS language_id, d.request ->> 'language' AS language,
        CAST(CAST(u.created_at AT TIME ZONE 'UTC' AS date) AS text) AS day, u.request_id IS NOT NULL AS is_requested,
        u.outcome, j.status = 'executing' AS is_running, r.verdict, r.exit_code, r.signal,
        r.time_s > nullif(CAST(d.request ->> 'cpu_time_limit' AS float), 0) AS is_over,
        r.exit_code = 126 AND position('Exec format error' IN r.stderr) > 0 AS is_no_program,
        count(*) AS number
    FROM judge0_submissions d JOIN uploads u ON u.id = d.upload {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
    WHERE {owned("u")} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608  (constants)
_SIZE: Final = """
    SELECT pg_database_size(current_database()) AS bytes, pg_size_pretty(pg_database_size(current_database())) AS pretty
"""
_CACHED: Final = timedelta(minutes=10)
_CACHED_KEYS: Final = 1000
#: Seconds for which counts are as good as new. Each count reads all of a key's submissions.
_NEW_S: Final = 1.0
_MEMORY: Final = {"Mem": ("MemTotal", "MemAvailable"), "Swap": ("SwapTotal", "SwapFree")}


class Statistics:
    """Counts the submissions of a key, or all submissions. The counts may be ten minutes old.

    One count runs at a time, and each key is counted at most once a second.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: LRUCache[int | None, CachedFor[dict[str, Any]]] = LRUCache(_CACHED_KEYS)
        self._counting = asyncio.Lock()

    async def read(self, owner: int | None, *, recount: bool) -> dict[str, Any]:
        """Return the statistics of a key's submissions, or of all for None. With `recount`, count them again if the
        last count is older than a second."""
        if (counts := self._counts.get(owner)) is None:
            counts = self._counts[owner] = CachedFor(_CACHED.total_seconds(), partial(self._count_in_turn, owner))
        return await counts.get(_NEW_S if recount else None)

    async def _count_in_turn(self, owner: int | None) -> dict[str, Any]:
        async with self._counting:
            return await self._count(owner)

    async def _count(self, owner: int | None) -> dict[str, Any]:
        by_status: Counter[Status] = Counter()
        by_day: Counter[str] = Counter()
        by_language: Counter[tuple[int, str]] = Counter()
        async with self._database.connection() as connection:
            for row in await connection.fetch_all(_COUNTS, {"owner": owner}):
                by_status[_status(row)] += row["number"]
                by_day[row["day"]] += row["number"]
                by_language[row["language_id"], row["language"]] += row["number"]
            size = await connection.fetch_one(_SIZE)
        assert size is not None
        now = datetime.now(UTC)
        days = [str((now - timedelta(days=ago)).date()) for ago in range(1, 31)]
        return {
            "created_at": timestamp(now),
            "cached_until": timestamp(now + _CACHED),
            "submissions": {
                "total": by_status.total(),
                "today": by_day.get(str(now.date()), 0),
                "last_30_days": {day: by_day.get(day, 0) for day in days},
            },
            "languages": [
                {"language": {"id": number, "name": name}, "count": count}
                for (number, name), count in by_language.most_common()
            ],
            "statuses": [
                {"status": {"id": int(status), "name": DESCRIPTIONS[status]}, "count": count}
                for status, count in sorted(by_status.items())
            ],
            "database": {"size_pretty": size["pretty"], "size_in_bytes": size["bytes"]},
        }


def _status(row: Record) -> Status:
    if row["is_requested"] or row["outcome"] is None:
        return Status.PROCESSING if row["is_requested"] and row["is_running"] else Status.IN_QUEUE
    if row["verdict"] is None:
        return Status.INTERNAL_ERROR
    return ending_of(
        ProgramEnd(
            verdict=Verdict(row["verdict"]),
            exit_code=row["exit_code"],
            signal=row["signal"],
            cpu_s=2.0 if row["is_over"] else 0.0,
            cpu_limit=1.0,
            stderr=b"Exec format error" if row["is_no_program"] else b"",
        )
    ).status


async def system_info() -> dict[str, str]:
    """Return the lines of `lscpu`, if it is installed, and the memory of this machine."""
    return await asyncio.to_thread(lambda: _processors() | _memory())


@cache
def _processors() -> dict[str, str]:
    try:
        done = subprocess.run(["lscpu"], stdout=subprocess.PIPE, env={"LC_ALL": "C"}, check=False)  # noqa: S607
    except FileNotFoundError:
        return {}
    lines = (line.partition(":") for line in done.stdout.decode(errors="replace").splitlines())
    return {name.strip(): value.strip() for name, colon, value in lines if colon}


def _memory() -> dict[str, str]:
    lines = (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    values = {name: value.strip() for name, _, value in lines}
    return {
        name: f"total {values.get(total, 'unknown')}, free {values.get(free, 'unknown')}"
        for name, (total, free) in _MEMORY.items()
    }
