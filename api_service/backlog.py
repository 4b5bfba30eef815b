"""Back-pressure: while too many requests wait, refuses submissions and requests before anything is stored."""

import time
from http import HTTPStatus
from typing import Final

from cachetools import TTLCache

from api_service.auth import Principal
from api_service.problems import Problem
from shared.database.connection import Database

#: Seconds for which a measurement of the backlog is reused.
_CACHE_SECONDS: Final = 1.0
#: The part of the whole backlog that one key may fill.
_SHARE_OF_KEY: Final = 0.1
_CACHED_KEYS: Final = 10_000


class BacklogGuard:
    """Counts the requests that have no result yet, from the outbox to the engine.

    A key may fill a tenth of the backlog, and have `key_bytes` of sources, inputs and tests waiting. Requests become
    jobs in the order in which they came, so this bounds how long one key's requests can delay another's.
    """

    def __init__(self, database: Database, limit: int, key_bytes: int = 64 << 20) -> None:
        self._database = database
        self._limit = limit
        self._limit_of_key = max(1, int(limit * _SHARE_OF_KEY))
        self._key_bytes = key_bytes
        self._checked_at: float | None = None
        self._full = False
        self._full_keys: TTLCache[int, bool] = TTLCache(_CACHED_KEYS, ttl=_CACHE_SECONDS)

    async def check(self) -> None:
        """Raise `Problem` (503) with `Retry-After` if the backlog has reached its limit."""
        if self._checked_at is None or time.monotonic() - self._checked_at > _CACHE_SECONDS:
            self._checked_at = time.monotonic()
            self._full = await self._is_full()
        if self._full:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many programs are waiting to run, so nothing was stored; try again in a minute.",
                {"Retry-After": "60"},
            )

    async def check_key(self, principal: Principal) -> None:
        """Raise `Problem` (429) with `Retry-After` if the key's waiting requests have reached its limit."""
        key = principal.key_id
        if key is None or principal.sees_all:
            return
        full = self._full_keys.get(key)
        if full is None:
            full = self._full_keys[key] = await self._is_key_full(key)
        if full:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"This key's waiting requests have reached their limit: {self._limit_of_key} requests, or"
                f" {self._key_bytes} bytes of sources, inputs and tests; try again when some have a result.",
                {"Retry-After": "10"},
            )

    async def _is_full(self) -> bool:
        # Counts up to the limit, over a partial index, so requests that have a result cost nothing.
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                "SELECT count(*) AS waiting FROM"
                " (SELECT 1 FROM uploads WHERE request_id IS NOT NULL LIMIT CAST(:limit AS bigint)) AS pending",
                {"limit": self._limit},
            )
        return row is not None and row["waiting"] >= self._limit

    async def _is_key_full(self, key: int) -> bool:
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                """
                SELECT count(*) AS waiting, coalesce(sum(bytes), 0) AS bytes FROM (
                    -- JSON counts as it is stored, which is compressed: its length could only be told by reading it.
                    SELECT coalesce(size_bytes, 0) + coalesce(octet_length(inputs), 0)
                        + coalesce(octet_length(expected_output), 0) + coalesce(pg_column_size(tests), 0)
                        + coalesce(pg_column_size(override), 0) AS bytes
                    FROM uploads
                    WHERE owner = :key AND request_id IS NOT NULL LIMIT CAST(:limit AS bigint)
                ) AS pending
                """,
                {"key": key, "limit": self._limit_of_key},
            )
        return row is not None and (row["waiting"] >= self._limit_of_key or row["bytes"] >= self._key_bytes)
