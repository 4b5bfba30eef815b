"""Checks if the API can serve requests, and store submissions."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from shared.database.connection import Database
from shared.errors import DatabaseUnavailable, StoreUnavailable
from shared.storage.base import ObjectStore

#: Seconds for which a result is reused, because clients may ask at any rate.
_DATABASE_SECONDS: Final = 0.5
#: An object is written, which takes longer, and may cost money.
_STORE_SECONDS: Final = 10.0
#: The key of that object.
READINESS_KEY: Final = "readiness"


class Readiness:
    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = _Cached(database.ping, DatabaseUnavailable, _DATABASE_SECONDS)
        self._store = _Cached(lambda: store.put(READINESS_KEY, b""), StoreUnavailable, _STORE_SECONDS)

    async def has_database(self) -> bool:
        """Return True if the database answers."""
        return await self._database.check()

    async def has_store(self) -> bool:
        """Return True if the object store takes an object."""
        return await self._store.check()


class _Cached:
    """Does something that may raise `error`, at most every `seconds`, and remembers if it worked."""

    def __init__(self, action: Callable[[], Awaitable[object]], error: type[Exception], seconds: float) -> None:
        self._action = action
        self._error = error
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._checked_at: float | None = None
        self._works = False

    async def check(self) -> bool:
        async with self._lock:
            if self._checked_at is None or time.monotonic() - self._checked_at > self._seconds:
                try:
                    await self._action()
                    self._works = True
                except self._error:
                    self._works = False
                self._checked_at = time.monotonic()
            return self._works
