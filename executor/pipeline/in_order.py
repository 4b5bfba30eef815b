"""Runs several pieces of work at once where there are slots for them, and yields their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar

from executor.slots import Turn, Turns

T = TypeVar("T")
Work: TypeAlias = Callable[[Turn], Coroutine[Any, Any, T]]


async def in_order(work: Iterable[Work[T]], turns: Turns, first: Turn, *, at_once: bool = True) -> AsyncGenerator[T]:
    """Run the first piece of work in its turn, the others in turns of their own, and yield the results in the order of
    `work`. If they may run `at_once`, others run in spare slots meanwhile.

    There are never more results than slots. If the generator is closed, what is under way is cancelled.
    """
    left = deque(work)
    under_way: deque[asyncio.Task[T]] = deque()
    begun = [first]

    async def run(piece: Work[T], turn: Turn) -> T:
        async with turn.held():
            result = await piece(turn)
            # It asks before it gives its own turn back, so that later requests of its share are behind.
            if at_once and left and len(under_way) == 1:
                start(turns.ask(first.memory_bytes))
            return result

    def start(turn: Turn) -> None:
        begun.append(turn)
        under_way.append(asyncio.create_task(run(left.popleft(), turn)))

    def start_others() -> None:
        while left and at_once and (spare := turns.take_spare(first.memory_bytes)):
            start(spare)

    try:
        start(first)
        start_others()
        while under_way:
            result = await under_way[0]
            under_way.popleft()
            start_others()
            yield result
            if left and not under_way:
                start(turns.ask(first.memory_bytes))
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for turn in begun:  # a task that is cancelled at once holds nothing, and leaves nothing
            turn.leave()
