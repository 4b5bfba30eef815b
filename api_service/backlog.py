"""Back-pressure: when more is asked for than can be run in good time, say so before anything is stored."""

import time
from http import HTTPStatus
from typing import Final

from cachetools import TTLCache

from api_service.auth import Principal
from api_service.problems import Problem
from shared.database.connection import Database

#: For how long one look at the backlog is believed, in seconds.
_BELIEVED_SECONDS: Final = 1.0
#: The part of the whole backlog that one key may fill.
_SHARE_OF_KEY: Final = 0.1
_KEPT_ANSWERS: Final = 10_000


class BacklogGuard:
    """Counts the requests for execution that are not answered yet, wherever they are on their way.

    A key may fill a tenth of the backlog, and have `key_bytes` of sources and inputs waiting. Requests become jobs in
    the order in which they came, so this bounds how long one key's requests stand before another's.
    """

    def __init__(self, database: Database, limit: int, key_bytes: int = 64 << 20) -> None:
        self._database = database
        self._limit = limit
        self._limit_of_key = max(1, int(limit * _SHARE_OF_KEY))
        self._key_bytes = key_bytes
        self._looked_at: float | None = None
        self._full = False
        self._full_keys: TTLCache[int, bool] = TTLCache(_KEPT_ANSWERS, ttl=_BELIEVED_SECONDS)

    async def check(self) -> None:
        """Raise `Problem` (503) with `Retry-After` while the backlog is as long as its limit."""
        if self._looked_at is None or time.monotonic() - self._looked_at > _BELIEVED_SECONDS:
            self._looked_at = time.monotonic()
            self._full = await self._measure()
        if self._full:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "More programs wait than can be run in good time, and nothing was stored; try again in a minute.",
                {"Retry-After": "60"},
            )

    async def check_key(self, principal: Principal) -> None:
        """Raise `Problem` (429) with `Retry-After` while the key has as much waiting as one may have."""
        key = principal.key_id
        if key is None or principal.sees_all:
            return
        full = self._full_keys.get(key)
        if full is None:
            full = self._full_keys[key] = await self._measure_key(key)
        if full:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"This key has as much waiting as one may have: {self._limit_of_key} requests, or {self._key_bytes}"
                " bytes of sources and inputs; try again when some are answered.",
                {"Retry-After": "10"},
            )

    async def _measure(self) -> bool:
        # Counts no further than the limit, over a partial index: what has been answered costs nothing.
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                "SELECT count(*) AS waiting FROM"
                " (SELECT 1 FROM uploads WHERE request_id IS NOT NULL LIMIT CAST(:limit AS bigint)) AS pending",
                {"limit": self._limit},
            )
        return row is not None and row["waiting"] >= self._limit

    async def _measure_key(self, key: int) -> bool:
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                """
                SELECT count(*) AS waiting, coalesce(sum(bytes), 0) AS bytes FROM (
                    SELECT coalesce(size_bytes, 0) + coalesce(octet_length(inputs), 0) AS bytes FROM uploads
                    WHERE owner = :key AND request_id IS NOT NULL LIMIT CAST(:limit AS bigint)
                ) AS pending
                """,
                {"key": key, "limit": self._limit_of_key},
            )
        return row is not None and (row["waiting"] >= self._limit_of_key or row["bytes"] >= self._key_bytes)
