"""Bounded work: so many programs at once, so many waiting, and for the rest an honest "full"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """All slots are taken and so is every place in the queue."""


class Slots:
    """First come, first served, at most `queue` waiting."""

    def __init__(self, count: int, queue: int) -> None:
        self._queue = queue
        self._waiting = 0
        self._free = asyncio.Semaphore(count)

    def check(self) -> None:
        """Raises `Full` if `take` would do so now."""
        if self._free.locked() and self._waiting >= self._queue:
            raise Full

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """A slot for as long as the block runs; raises `Full` at once rather than wait beyond the bound."""
        self.check()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
