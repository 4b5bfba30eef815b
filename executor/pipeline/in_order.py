"""Runs several pieces of work at once where there are slots for them, and yields their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import ExitStack
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

#: Returns one more slot, which is held until it is closed; None if all are taken.
SpareSlot: TypeAlias = Callable[[], ExitStack | None]


async def in_order(work: Iterable[Callable[[], Coroutine[Any, Any, T]]], spare_slot: SpareSlot) -> AsyncGenerator[T]:
    """Run the work in the slot of the caller and in spare ones, and yield the results in the order of `work`.

    A spare slot is given back with each result, so that requests that wait for a slot get it. There are never more
    results than slots. If the generator is closed, what is under way is cancelled.
    """
    left = deque(work)
    under_way: deque[asyncio.Task[T]] = deque()
    spare: list[ExitStack] = []  # one less than what is under way

    def start() -> None:
        while left:
            if under_way:
                if (slot := spare_slot()) is None:
                    return
                spare.append(slot)
            under_way.append(asyncio.create_task(left.popleft()()))

    try:
        start()
        while under_way:
            result = await under_way[0]
            under_way.popleft()
            if spare:
                spare.pop().close()
            start()
            yield result
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for slot in spare:
            slot.close()
