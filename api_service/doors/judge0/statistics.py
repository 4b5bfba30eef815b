"""Counts submissions for `GET /statistics`."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from cachetools import LRUCache

from api_service.cached import CachedFor
from shared.database.connection import Database
from shared.judge0.counts import counts
from shared.judge0.fields import timestamp
from shared.judge0.statuses import DESCRIPTIONS

_CACHED: Final = timedelta(minutes=10)
_CACHED_KEYS: Final = 1000
#: Seconds for which counts are as good as new. Each count reads all of a key's submissions.
_NEW_S: Final = 1.0


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
            found = await counts(connection, owner=owner)
        now = datetime.now(UTC)
        days = [str((now - timedelta(days=ago)).date()) for ago in range(1, 31)]
        return {
            "created_at": timestamp(now),
            "cached_until": timestamp(now + _CACHED),
            "submissions": {
                "total": sum(found.by_status.values()),
                "today": found.by_day.get(str(now.date()), 0),
                "last_30_days": {day: found.by_day.get(day, 0) for day in days},
            },
            "languages": [
                {"language": {"id": number, "name": name}, "count": count}
                for (number, name), count in found.by_language.items()
            ],
            "statuses": [
                {"status": {"id": int(status), "name": DESCRIPTIONS[status]}, "count": count}
                for status, count in sorted(found.by_status.items())
            ],
            "database": {"size_pretty": found.size_pretty, "size_in_bytes": found.size_bytes},
        }
