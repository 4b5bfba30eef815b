"""Work runs at once in spare slots, and its results keep their order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest

from executor.pipeline.in_order import in_order
from executor.slots import Slots, Turn


class _Work:
    """Pieces of work that end when they are allowed to."""

    def __init__(self, count: int) -> None:
        self.may_end = [asyncio.Event() for _ in range(count)]
        self.begun: list[int] = []
        self.cancelled: list[int] = []

    @property
    def pieces(self) -> list[Callable[[Turn], Coroutine[Any, Any, int]]]:
        return [partial(self._work, number) for number in range(len(self.may_end))]

    async def _work(self, number: int, turn: Turn) -> int:
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


@asynccontextmanager
async def _running(slots: Slots, pieces: Iterable[Callable[[Turn], Coroutine[Any, Any, int]]]) -> AsyncIterator[Any]:
    """Yield the results of the pieces of one request."""
    turns = slots.request()
    async with turns.take() as first, aclosing(in_order(pieces, turns, first)) as results:
        yield results


async def test_results_keep_their_order() -> None:
    work = _Work(4)
    async with _running(Slots(2, queue=1), work.pieces) as results:
        first = asyncio.create_task(anext(results))
        await _turns()
        assert work.begun == [0, 1]
        work.may_end[1].set()
        await _turns()
        # The result of 1 waits for that of 0, so no more results come meanwhile.
        assert not first.done()
        assert work.begun == [0, 1]
        for event in work.may_end:
            event.set()
        assert [await first, *[number async for number in results]] == [0, 1, 2, 3]


async def test_a_waiting_request_of_another_share_gets_the_slot() -> None:
    work = _Work(4)
    slots = Slots(2, queue=1, express=0)
    async with _running(slots, work.pieces) as results:
        first = asyncio.create_task(anext(results))
        await _turns()
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(slots.take("other").__aenter__())
            await _turns()
            assert not waiting.done()
            work.may_end[0].set()
            await first
            await waiting
        await _turns()
        assert work.begun == [0, 1]


async def test_a_request_waits_for_each_turn_before_later_ones_of_its_share() -> None:
    """Its many tests do not hold a slot together: one of another share is between two of them."""
    work = _Work(3)
    slots = Slots(1, queue=10, express=0)

    async def run(share: str, number: int) -> None:
        async with slots.take(share):
            work.begun.append(number)

    async with _running(slots, work.pieces) as results:
        later = [asyncio.create_task(run(share, number)) for share, number in (("", 10), ("other", 20))]
        for event in work.may_end:
            await _turns()
            event.set()
            await anext(results)
    await asyncio.gather(*later)
    assert work.begun == [0, 20, 1, 2, 10]


async def test_closing_cancels_what_is_under_way() -> None:
    work = _Work(3)
    slots = Slots(2, queue=1)
    async with _running(slots, work.pieces) as results:
        first = asyncio.create_task(anext(results))
        await _turns()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert work.cancelled == [0, 1]
    assert slots.free == 2


async def test_a_failure_cancels_the_others() -> None:
    work = _Work(1)

    async def fail(turn: Turn) -> int:
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        async with _running(Slots(2, queue=1), [fail, *work.pieces]) as results:
            await anext(results)
    assert work.begun == work.cancelled
