"""Back-pressure: when more is asked for than can be run in good time, say so before anything is stored."""

import time
from http import HTTPStatus
from typing import Final

from api_service.problems import Problem
from shared.database import Database

#: For how long one look at the backlog is believed, in seconds.
_BELIEVED_SECONDS: Final = 1.0


class BacklogGuard:
    """Counts the requests for execution that are not answered yet, wherever they are on their way."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._looked_at: float | None = None
        self._full = False

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

    async def _measure(self) -> bool:
        # Counts no further than the limit, over a partial index: what has been answered costs nothing.
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                "SELECT count(*) AS waiting FROM"
                " (SELECT 1 FROM uploads WHERE request_id IS NOT NULL LIMIT CAST(:limit AS bigint)) AS pending",
                {"limit": self._limit},
            )
        return row is not None and row["waiting"] >= self._limit
