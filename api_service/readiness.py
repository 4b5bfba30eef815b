"""Checks if the API can serve, at most once a second, because any client may ask as often as they like."""

import asyncio
import time
from typing import Final

from shared.database.connection import Database
from shared.errors import DatabaseUnavailable

#: Seconds for which one result is reused. Load balancers ask about as often.
_BELIEVED_SECONDS: Final = 0.5


class Readiness:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._looked_at: float | None = None
        self._ready = False

    async def check(self) -> bool:
        """Return True if the database answers."""
        async with self._lock:
            if self._looked_at is None or time.monotonic() - self._looked_at > _BELIEVED_SECONDS:
                self._ready = await self._answers()
                self._looked_at = time.monotonic()
            return self._ready

    async def _answers(self) -> bool:
        try:
            async with self._database.connection() as connection:
                await connection.execute("SELECT 1")
        except DatabaseUnavailable:
            return False
        return True
