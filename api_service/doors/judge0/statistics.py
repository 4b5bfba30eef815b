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
from shared.adapters.database.connection import Database
from shared.records.judge0.statuses import Status
from shared.records.judge0.submissions import ENDING, FROM, ending_of_row, timestamp
from shared.records.resources.statements import owned

_COUNTS: Final = f"""
    SELECT CAST(d.request ->> 'language_id' AS int) AS language_id, d.request ->> 'language' AS language,
        CAST(CAST(u.created_at AT TIME ZONE 'UTC' AS date) AS text) AS day, {ENDING}, count(*) AS number
    {FROM} WHERE {owned("u")} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""
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
        async with self._database.connection() as connection:
            rows = await connection.fetch_all(_COUNTS, {"owner": owner})
            size = await connection.fetch_one(_SIZE)
        assert size is not None
        by_status: Counter[Status] = Counter()
        by_day: Counter[str] = Counter()
        by_language: Counter[tuple[int, str]] = Counter()
        for row in rows:
            by_status[ending_of_row(row).status] += row["number"]
            by_day[row["day"]] += row["number"]
            by_language[row["language_id"], row["language"]] += row["number"]
        now = datetime.now(UTC)
        days = [str((now - timedelta(days=ago)).date()) for ago in range(31)]
        return {
            "created_at": timestamp(now),
            "cached_until": timestamp(now + _CACHED),
            "submissions": {
                "total": by_status.total(),
                "today": by_day[days[0]],
                "last_30_days": {day: by_day[day] for day in days[1:]},
            },
            "languages": [
                {"language": {"id": number, "name": name}, "count": count}
                for (number, name), count in by_language.most_common()
            ],
            "statuses": [
                {"status": {"id": int(status), "name": status.description}, "count": count}
                for status, count in sorted(by_status.items())
            ],
            "database": {"size_pretty": size["pretty"], "size_in_bytes": size["bytes"]},
        }


async def system_info() -> dict[str, str]:
    """Return the lines of `lscpu`, if it is installed, and the memory of this machine."""
    return await asyncio.to_thread(lambda: _processors() | _memory())


@cache
def _processors() -> dict[str, str]:
    try:
        done = subprocess.run(["lscpu"], stdout=subprocess.PIPE, env={"LC_ALL": "C"}, check=False)  # noqa: S607
    except FileNotFoundError:
        return {}
    return _values(done.stdout.decode(errors="replace"))


def _memory() -> dict[str, str]:
    values = _values(Path("/proc/meminfo").read_text())
    return {
        name: f"total {values.get(total, 'unknown')}, free {values.get(free, 'unknown')}"
        for name, (total, free) in _MEMORY.items()
    }


def _values(lines: str) -> dict[str, str]:
    parts = (line.partition(":") for line in lines.splitlines())
    return {name.strip(): value.strip() for name, colon, value in parts if colon}
