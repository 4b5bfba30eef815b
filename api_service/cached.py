"""Keeps what was read for some seconds."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class CachedFor(Generic[T]):
    """Calls `read` at most once in so many seconds. Requests that come while it reads share its result, or its error.

    An error is not kept.
    """

    def __init__(self, seconds: float, read: Callable[[], Awaitable[T]]) -> None:
        self._seconds = seconds
        self._read = read
        self._reading: asyncio.Future[T] | None = None
        self._begun_at = -math.inf

    async def get(self, seconds: float | None = None) -> T:
        """Return what was read, at most `seconds` ago if they are given. Raises what `read` raises."""
        if self._reading is None or (self._reading.done() and not self._is_fresh(seconds)):
            self._begun_at = time.monotonic()
            self._reading = asyncio.ensure_future(self._read())
        # A client that goes away ends only its own wait.
        return await asyncio.shield(self._reading)

    def forget(self) -> None:
        """Read again at the next call, because what was read has changed. A reading under way is still used."""
        self._begun_at = -math.inf

    def _is_fresh(self, seconds: float | None) -> bool:
        assert self._reading is not None
        has_failed = self._reading.cancelled() or self._reading.exception() is not None
        age = time.monotonic() - self._begun_at
        return not has_failed and age <= (self._seconds if seconds is None else seconds)
