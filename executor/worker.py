"""Bounded work: so many programs at once, so many waiting, and for the rest an honest "full"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """All slots are taken and so is every place in the queue."""


class Slots:
    """Numbered slots (a number is held by one at a time), first come first served, at most `queue` waiting."""

    def __init__(self, count: int, queue: int) -> None:
        self.count = count
        self._queue = queue
        self._waiting = 0
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for number in range(count):
            self._free.put_nowait(number)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[int]:
        """A slot's number for as long as the block runs; raises `Full` at once rather than wait beyond the bound."""
        if self._free.empty() and self._waiting >= self._queue:
            raise Full
        self._waiting += 1
        try:
            slot = await self._free.get()
        finally:
            self._waiting -= 1
        try:
            yield slot
        finally:
            self._free.put_nowait(slot)
