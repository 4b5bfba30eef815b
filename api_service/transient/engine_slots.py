"""Lets as many transient runs go to the engine as it takes. The others wait, and keys take turns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

#: Runs at the engine at once, until it says that it is full. The most are for many large engines behind one name.
_FIRST: Final = 64
_MAX: Final = 1024


class EngineSlots:
    """At most `limit` runs are at the engine. The next turn is for the waiting key that has the fewest there, and then
    for the run with the earliest deadline: one that can wait longer lets it go first.

    How many the engine takes is not known, and other processes send it runs too. So the limit grows with each run that
    ends while others wait, up to `most`, and falls below the present number when the engine is full.
    """

    def __init__(self, limit: int = _FIRST, maximum: int = _MAX) -> None:
        self._limit = float(limit)
        self._maximum = maximum
        self._at_engine: Counter[int] = Counter()
        #: The keys of those that wait, and the times until which they can, by what ends the wait.
        self._waiting: dict[asyncio.Future[None], tuple[int, float]] = {}

    @asynccontextmanager
    async def take(self, key: int, deadline: float) -> AsyncIterator[None]:
        """Be one of the runs at the engine while the block runs."""
        if self._waiting or self._at_engine.total() >= int(self._limit):
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[granted] = key, deadline
            try:
                await granted
            except asyncio.CancelledError:
                if not granted.cancelled():  # the turn was granted at the same moment
                    self._give_back(key)
                self._waiting.pop(granted, None)
                raise
        else:
            self._at_engine[key] += 1
        try:
            yield
            if self._waiting:
                self._limit = min(self._maximum, self._limit + 1 / self._limit)
        finally:
            self._give_back(key)

    def is_full(self) -> None:
        """Note that the engine refused a run, which still has its turn."""
        self._limit = max(1.0, min(self._limit, self._at_engine.total() - 1))

    def _give_back(self, key: int) -> None:
        self._at_engine[key] -= 1
        if not self._at_engine[key]:
            del self._at_engine[key]
        while self._waiting and self._at_engine.total() < int(self._limit):
            granted, (waiter, _) = min(
                self._waiting.items(), key=lambda item: (self._at_engine[item[1][0]], item[1][1])
            )
            del self._waiting[granted]
            if not granted.done():  # otherwise it was cancelled, and its task has not run since
                self._at_engine[waiter] += 1
                granted.set_result(None)
