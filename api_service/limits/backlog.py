"""Back-pressure: while too many requests wait, refuses submissions and requests before anything is stored."""

from dataclasses import dataclass
from typing import Final

from api_service.cached import CachedFor
from api_service.http.errors import ApiError, Kind
from shared.adapters.database.connection import Connection, Database

#: Seconds for which a measurement of the whole backlog is reused.
_CACHE_SECONDS: Final = 1.0
#: The part of the whole backlog that one key may fill.
_SHARE_OF_KEY: Final = 0.1

# Counts up to the limit, over a partial index, so requests that have a result cost nothing.
_WAITING: Final = """
    SELECT count(*) AS waiting FROM
        (SELECT 1 FROM uploads WHERE request_id IS NOT NULL LIMIT CAST(:limit AS bigint)) AS pending
"""
# What waits is in the database and the store, and nothing has more than one submission of it in memory. So JSON counts
# as it is stored, which is compressed. What is new counts as it is, because it is not compressed yet.
_WAITING_OF_KEY: Final = """
    SELECT count(*) AS requests, coalesce(sum(bytes), 0) AS bytes,
        coalesce(sum(bytes) FILTER (WHERE id = :upload), 0) AS own
    FROM (
        SELECT id, coalesce(size_bytes, 0) + coalesce(octet_length(inputs), 0)
            + coalesce(octet_length(expected_output), 0) + coalesce(pg_column_size(tests), 0)
            + coalesce(pg_column_size(spec), 0) + coalesce(pg_column_size(files), 0)
            + coalesce(pg_column_size(metadata), 0) + coalesce(pg_column_size(override), 0) AS bytes
        FROM uploads
        WHERE owner = :key AND request_id IS NOT NULL LIMIT CAST(:limit AS bigint)
    ) AS waiting
"""


class BacklogGuard:
    """Counts the requests that have no result yet, from the outbox to the engine."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._is_full = CachedFor(_CACHE_SECONDS, self._count)

    async def check(self) -> None:
        """Raise `ApiError` (503) with `Retry-After` if the backlog has reached its limit."""
        if await self._is_full.get():
            raise ApiError(
                Kind.UNAVAILABLE,
                "Too many programs are waiting to run, so nothing was stored; try again in a minute.",
                headers={"Retry-After": "60"},
            )

    async def _count(self) -> bool:
        waiting = await self._database.call(Connection.fetch_value, _WAITING, {"limit": self._limit})
        return int(waiting) >= self._limit


@dataclass(frozen=True, slots=True)
class KeyBacklog:
    """What one key may have waiting: a tenth of the whole backlog, and so many bytes of sources, inputs and tests.

    Requests become jobs in the order in which they came, so this bounds how long one key's requests can delay
    another's.
    """

    requests: int = 10_000
    size_bytes: int = 64 << 20

    @classmethod
    def of(cls, limit: int) -> "KeyBacklog":
        """Return the share of one key in a backlog of `limit` requests."""
        return cls(max(1, int(limit * _SHARE_OF_KEY)))

    async def admit(
        self, connection: Connection, key: int, requests: int, size_bytes: int, *, upload: int | None = None
    ) -> None:
        """Refuse new requests of a key that do not fit beside those that wait. `upload` has been requested already.

        The caller's transaction stores them, and holds the locks of the key's budgets, so that no other request of the
        key is admitted meanwhile. Raises `ApiError`: 429 with `Retry-After`, or 422 if they would not fit alone either.
        """
        row = await connection.fetch_one(_WAITING_OF_KEY, {"key": key, "upload": upload, "limit": self.requests + 1})
        assert row is not None
        limit = f"{self.requests} requests, or {self.size_bytes} bytes of sources, inputs and tests"
        if requests > self.requests or row["own"] + size_bytes > self.size_bytes:
            raise ApiError(
                Kind.INVALID, f"This is more than one key may have waiting, which is {limit}; divide it, or send less."
            )
        if row["requests"] + requests > self.requests or row["bytes"] + size_bytes > self.size_bytes:
            raise ApiError(
                Kind.TOO_MANY,
                f"This key's waiting requests have reached their limit: {limit}; try again when some have a result.",
                headers={"Retry-After": "10"},
            )
