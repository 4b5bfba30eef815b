"""Lets as many transient runs go to the engine as it takes. The others wait, and keys take turns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

#: Runs at the engine at once, until it says that it is full. The most are for many large engines behind one name.
_FIRST: Final = 64
_MAX: Final = 1024


@dataclass(eq=False, slots=True)
class _Waiter:
    key: int
    #: The time until which it can wait.
    deadline: float
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class EngineSlots:
    """At most `limit` runs are at the engine. The next turn is for the waiting key that has the fewest there, and then
    for the run with the earliest deadline: one that can wait longer lets it go first.

    How many the engine takes is not known, and other processes send it runs too. So the limit grows with each run that
    ends while others wait, up to `most`, and falls below the present number when the engine is full.
    """

    def __init__(self, limit: int = _FIRST, most: int = _MAX) -> None:
        self._limit = float(limit)
        self._most = most
        self._at_engine: Counter[int] = Counter()
        self._waiting: list[_Waiter] = []

    @asynccontextmanager
    async def take(self, key: int, deadline: float) -> AsyncIterator[None]:
        """Be one of the runs at the engine while the block runs."""
        if self._waiting or self._at_engine.total() >= int(self._limit):
            waiter = _Waiter(key, deadline)
            self._waiting.append(waiter)
            try:
                await waiter.granted
            except asyncio.CancelledError:
                if not waiter.granted.cancelled():  # the turn was granted at the same moment
                    self._give_back(key)
                elif waiter in self._waiting:
                    self._waiting.remove(waiter)
                raise
        else:
            self._at_engine[key] += 1
        try:
            yield
            if self._waiting:
                self._limit = min(self._most, self._limit + 1 / self._limit)
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
            waiter = min(self._waiting, key=lambda waiter: (self._at_engine[waiter.key], waiter.deadline))
            self._waiting.remove(waiter)
            if not waiter.granted.done():  # otherwise it was cancelled, and its task has not run since
                self._at_engine[waiter.key] += 1
                waiter.granted.set_result(None)
