"""Boxes made ahead of need, so that a program finds its own standing. Each is used once.

    take ──> a standing box, or None: then one is made for the job
    refill ─ whenever a box was taken, is standing, or has ended

Boxes with a stub cost a runtime's whole start, so they are made one at a time, and only while a processor is free; what
waits for a program costs next to nothing. A pool that nobody has taken from for a while is emptied, until somebody
does.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

from executor.sandbox.base import Ready, SandboxFailure, Template
from executor.sandbox.box import Box
from shared.logging import get_logger

log = get_logger(__name__)

_PROCESSORS = len(os.sched_getaffinity(0))
_MOST_AT_ONCE = 2
#: Seconds without refilling after a box ended before it was taken: what made it end may last.
_REST_S = 10.0


class Pool:
    """`make` begins a box and returns it before it stands; `under_way` tells how many programs run."""

    def __init__(self, ready: Ready, make: Callable[[Template], Awaitable[Box]], under_way: Callable[[], int]) -> None:
        self.template = ready.template
        self._ready = ready
        self._make = make
        self._under_way = under_way
        self._boxes: list[Box] = []
        self._refilling: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._wanted_until = self._loop.time() + ready.idle_s
        self._rests_until = 0.0

    def take(self) -> Box | None:
        """One that stands; it is the caller's."""
        self._wanted_until = self._loop.time() + self._ready.idle_s
        box = next((box for box in self._boxes if box.is_ready and not box.gone.done()), None)
        if box:
            self._boxes.remove(box)
        return box

    def refill(self) -> None:
        """Begin what is wanting and may be begun now; the rest comes with a later call."""
        now = self._loop.time()
        gone = next((box for box in self._boxes if box.gone.done()), None)
        if gone:
            self._boxes = [box for box in self._boxes if not box.gone.done()]
            self._rests_until = now + _REST_S
            log.warning("pool.box_lost", reason=gone.failure)
        if self._refilling is None and self._rests_until <= now < self._wanted_until and self._may_add():
            self._refilling = asyncio.create_task(self._add())

    def drain(self) -> None:
        """End those that wait if nobody has taken any for so long."""
        if self._loop.time() >= self._wanted_until:
            boxes, self._boxes = self._boxes, []
            for box in boxes:
                box.kill()
                box.close()

    def _may_add(self) -> bool:
        if len(self._boxes) >= self._ready.count:
            return False
        making = sum(not box.is_ready for box in self._boxes)
        if self.template.stub:
            return making == 0 and self._under_way() < _PROCESSORS
        return making < _MOST_AT_ONCE

    async def _add(self) -> None:
        try:
            self._boxes.append(await self._make(self.template))
        except SandboxFailure as exc:
            self._rests_until = self._loop.time() + _REST_S
            log.warning("pool.not_refilled", reason=str(exc))
        finally:
            self._refilling = None
        self.refill()
