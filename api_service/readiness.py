"""Checks if the API can serve requests."""

import asyncio
import time
from typing import Final

from shared.database.connection import Database
from shared.errors import DatabaseUnavailable

#: Seconds for which a result is reused, because clients may ask at any rate.
_CACHE_SECONDS: Final = 0.5


class Readiness:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._checked_at: float | None = None
        self._ready = False

    async def check(self) -> bool:
        """Return True if the database answers."""
        async with self._lock:
            if self._checked_at is None or time.monotonic() - self._checked_at > _CACHE_SECONDS:
                try:
                    await self._database.ping()
                    self._ready = True
                except DatabaseUnavailable:
                    self._ready = False
                self._checked_at = time.monotonic()
            return self._ready
