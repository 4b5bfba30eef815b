"""Boxes made ahead of need, so that a job finds one ready. Each is used once.

    take ──> a ready box, or None: then one is made for the job
    refill ─ called whenever a box was taken, became ready, or ended

A pool has one box before the first `take`, because most templates of most systems are never used
(ADR 38). A pool without demand is drained, and fills up again after the next `take`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from executor.sandbox.base import SandboxFailure, Template
from executor.sandbox.box import Box
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_MAX_IN_PROGRESS = 2
#: Seconds without refilling after a box failed before it was taken, because the cause may last.
_PAUSE_S = 10.0


class Pool:
    """The boxes of one template. `make` returns a box before it is ready."""

    def __init__(
        self, template: Template, count: int, idle_s: float, make: Callable[[Template], Awaitable[Box]]
    ) -> None:
        self.template = template
        self._max_count = count
        self._idle_s = idle_s
        self._make = make
        #: How many boxes are wanted. The first program finds one, and the others are for those after it.
        self._count = 1
        self._boxes: list[Box] = []
        self._refilling: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._paused_until = 0.0
        #: None after its time, until the next `take`.
        self._end_of_demand: asyncio.TimerHandle | None = self._loop.call_later(idle_s, self.drain)

    def take(self) -> Box | None:
        """Return a ready box, which then belongs to the caller; None if no box is ready."""
        if self._end_of_demand:
            self._end_of_demand.cancel()
        self._end_of_demand = self._loop.call_later(self._idle_s, self.drain)
        self._count = self._max_count
        box = next((box for box in self._boxes if box.is_ready and not box.gone.done()), None)
        if box:
            self._boxes.remove(box)
        return box

    def refill(self) -> None:
        """Start to make a missing box if one may be made now. A later call makes the rest."""
        now = self._loop.time()
        gone = [box for box in self._boxes if box.gone.done()]
        for box in gone:
            self._boxes.remove(box)
        if gone:
            self._paused_until = now + _PAUSE_S
            log.warning("pool.box_lost", reason=gone[0].failure)
        if self._refilling is None and self._paused_until <= now and self._end_of_demand and self._may_add():
            self._refilling = asyncio.create_task(self._add())

    def drain(self) -> None:
        """Kill the waiting boxes, and make no more until the next `take`: when demand ends, and at the end."""
        if self._end_of_demand:
            self._end_of_demand.cancel()
        self._end_of_demand = None
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            box.kill()

    def _may_add(self) -> bool:
        if len(self._boxes) >= self._count:
            return False
        return sum(not box.is_ready for box in self._boxes) < _MAX_IN_PROGRESS

    async def _add(self) -> None:
        try:
            box = await self._make(self.template)
            if self._end_of_demand:
                self._boxes.append(box)
            else:  # the demand has ended meanwhile
                box.kill()
        except SandboxFailure as exc:
            self._paused_until = self._loop.time() + _PAUSE_S
            log.warning("pool.not_refilled", reason=str(exc))
        finally:
            self._refilling = None
        self.refill()
