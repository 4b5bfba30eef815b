"""Work runs at once in spare slots, and its results keep their order."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import pytest

from executor.pipeline.in_order import in_order
from executor.slots import Slots


class _Work:
    """Pieces of work that end when they are allowed to."""

    def __init__(self, count: int) -> None:
        self.may_end = [asyncio.Event() for _ in range(count)]
        self.begun: list[int] = []
        self.cancelled: list[int] = []

    @property
    def pieces(self) -> list[Callable[[], Coroutine[Any, Any, int]]]:
        return [partial(self._work, number) for number in range(len(self.may_end))]

    async def _work(self, number: int) -> int:
        self.begun.append(number)
        try:
            await self.may_end[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return number


async def _turns() -> None:
    """Let all that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_results_keep_their_order() -> None:
    work = _Work(4)
    slots = Slots(2, queue=1)
    async with slots.take(), aclosing(in_order(work.pieces, slots.take_spare)) as results:
        first = asyncio.create_task(anext(results))
        await _turns()
        assert work.begun == [0, 1]
        work.may_end[1].set()
        await _turns()
        # The result of 1 waits for that of 0, and keeps its slot meanwhile.
        assert not first.done()
        assert work.begun == [0, 1]
        for event in work.may_end:
            event.set()
        assert [await first, *[number async for number in results]] == [0, 1, 2, 3]
    assert slots.take_spare() is not None


async def test_a_waiting_request_gets_the_spare_slot() -> None:
    work = _Work(4)
    slots = Slots(2, queue=1, express=0)
    async with slots.take(), aclosing(in_order(work.pieces, slots.take_spare)) as results:
        first = asyncio.create_task(anext(results))
        await _turns()
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(slots.take().__aenter__())
            await _turns()
            assert not waiting.done()
            work.may_end[0].set()
            await first
            await waiting
        await _turns()
        # The first piece of work goes on in the caller's own slot.
        assert work.begun == [0, 1]


async def test_closing_cancels_what_is_under_way() -> None:
    work = _Work(3)
    slots = Slots(2, queue=1)
    async with slots.take():
        results = in_order(work.pieces, slots.take_spare)
        first = asyncio.create_task(anext(results))
        await _turns()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert work.cancelled == [0, 1]
        assert slots.take_spare() is not None


async def test_a_failure_cancels_the_others() -> None:
    work = _Work(1)

    async def fail() -> int:
        raise ValueError("it failed")

    slots = Slots(2, queue=1)
    async with slots.take():
        with pytest.raises(ValueError, match="it failed"):
            await anext(in_order([fail, *work.pieces], slots.take_spare))
    assert work.begun == work.cancelled
