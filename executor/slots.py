"""Bounds the programs that run and that wait; further requests are refused as "full".

Each program belongs to a share. Shares take turns, and programs that sleep until their limit hold up only their own
share (ADR 94).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field


class Full(Exception):
    """All slots and all places in the queue are taken."""


@dataclass(eq=False)
class _Waiter:
    share: str
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Slots:
    """At most `count` programs run at once, and at most `queue` wait.

    A free slot goes to the waiting share that has the fewest programs running; within a share, first come, first
    served. While all slots are taken, up to `express` more programs run, each of a share that has none running.
    """

    def __init__(self, count: int, queue: int, express: int = 1) -> None:
        self._count = count
        self._queue = queue
        self._express = express
        self._running: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    def check(self, share: str = "") -> None:
        """Raise `Full` if `take` would raise it now."""
        if not self._may_start(share) and len(self._waiting) >= self._queue:
            raise Full

    @asynccontextmanager
    async def take(self, share: str = "") -> AsyncIterator[None]:
        """Hold a slot while the block runs. Raises `Full` at once if the slots and the queue are full."""
        if self._may_start(share):
            self._running[share] += 1
        else:
            await self._wait(share)
        try:
            yield
        finally:
            self._give_back(share)

    def take_spare(self, share: str = "") -> ExitStack | None:
        """Return a further slot for a share that has one, held until the stack is closed; None if none is free.

        While a slot is free, nothing waits for it.
        """
        if self._running.total() >= self._count:
            return None
        self._running[share] += 1
        held = ExitStack()
        held.callback(self._give_back, share)
        return held

    def _may_start(self, share: str) -> bool:
        running = self._running.total()
        return running < self._count or (running < self._count + self._express and not self._running[share])

    async def _wait(self, share: str) -> None:
        self.check(share)
        waiter = _Waiter(share)
        self._waiting.append(waiter)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:  # the slot was granted at the same moment
                self._give_back(share)
            raise

    def _give_back(self, share: str) -> None:
        self._running[share] -= 1
        if not self._running[share]:
            del self._running[share]
        # `min` returns the first of equals, which is the one that came first.
        while ready := [waiter for waiter in self._waiting if self._may_take(waiter)]:
            waiter = min(ready, key=lambda waiter: self._running[waiter.share])
            self._waiting.remove(waiter)
            self._running[waiter.share] += 1
            waiter.granted.set_result(None)

    def _may_take(self, waiter: _Waiter) -> bool:
        # One that was cancelled stays in the queue until its task runs again.
        return not waiter.granted.done() and self._may_start(waiter.share)
