"""Says which programs may run: bounds those that run and that wait, and ends them when the executor stops.

Each program belongs to a share. Shares take turns, and programs that sleep until their limit hold up only their own
share (ADR 7).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from shared.engine_api.codex import ALONE

#: Seconds that runs have to finish. Compose, Kubernetes, systemd and `precieux up` grant five more, in which the
#: answers are sent and the sandbox is taken down.
GRACE_SECONDS: Final = 10
#: Seconds in which the last answers are sent.
ANSWER_SECONDS: Final = 2


class Full(Exception):
    """All slots and all places in the queue are taken."""


class Stopping(Exception):
    """The executor stops."""


@dataclass(eq=False)
class _WaitingRun:
    share: str
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Slots:
    """At most `count` programs run at once, and at most `queue` wait.

    A free slot goes to the waiting share that has the fewest programs running; within a share, first come, first
    served. While all slots are taken, up to `express` more programs run, each of a share that has none running.

    A program of the share `ALONE` starts when no other runs, and no other starts while one waits or runs.
    """

    def __init__(self, count: int, queue: int, express: int = 1) -> None:
        self._count = count
        self._queue = queue
        self._express = express
        self._running: Counter[str] = Counter()
        self._waiting: list[_WaitingRun] = []

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
        """Return a further slot for a share that has a slot, held until the stack is closed; None if all are taken.

        While a slot is free, nothing waits for it.
        """
        if self._running.total() >= self._count or self._alone_waits():
            return None
        self._running[share] += 1
        held = ExitStack()
        held.callback(self._give_back, share)
        return held

    def _may_start(self, share: str) -> bool:
        running = self._running.total()
        if share == ALONE:
            return running == 0
        if self._running[ALONE] or self._alone_waits():
            return False
        return running < self._count or (running < self._count + self._express and not self._running[share])

    def _alone_waits(self) -> bool:
        return any(waiter.share == ALONE and not waiter.granted.done() for waiter in self._waiting)

    async def _wait(self, share: str) -> None:
        self.check(share)
        waiter = _WaitingRun(share)
        self._waiting.append(waiter)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._grant()
            else:  # the slot was granted at the same moment
                self._give_back(share)
            raise

    def _give_back(self, share: str) -> None:
        self._running[share] -= 1
        if not self._running[share]:
            del self._running[share]
        self._grant()

    def _grant(self) -> None:
        # `min` returns the first of equals, which is the one that came first.
        while ready := [waiter for waiter in self._waiting if self._may_take(waiter)]:
            waiter = min(ready, key=lambda waiter: self._running[waiter.share])
            self._waiting.remove(waiter)
            self._running[waiter.share] += 1
            waiter.granted.set_result(None)

    def _may_take(self, waiter: _WaitingRun) -> bool:
        # One that was cancelled stays in the queue until its task runs again.
        return not waiter.granted.done() and self._may_start(waiter.share)


class Runs:
    """The runs under way, which finish when the executor is asked to stop, or are ended.

    Whoever asked for a run that is ended learns why, so no program is taken for the cause. The caller refuses new runs
    while `is_stopping`.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self._scopes: set[asyncio.Timeout] = set()
        #: The end of every run; None before the grace is over.
        self._deadline: float | None = None
        self._none = asyncio.Event()
        self._none.set()

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Count a run. Raises `Stopping` if it had to be ended."""
        scope = asyncio.timeout_at(self._deadline)
        try:
            async with scope:
                self._scopes.add(scope)
                self._none.clear()
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
                    if not self._scopes:
                        self._none.set()
        except TimeoutError:
            if not scope.expired():
                raise
            raise Stopping from None

    async def stop(self, grace: float) -> None:
        """Wait until no run is under way. End those that do not finish within `grace` seconds."""
        self.is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._none.wait()
        self._deadline = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(self._deadline)
