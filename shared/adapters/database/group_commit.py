"""Group commit: items that arrive while a write is under way are written together by the next one.

A group takes one round trip and one commit, which costs Postgres and us little more than a single item. The first item
is written at once, so nothing waits under light load. With a pace, the items that follow closely wait a little longer
for each other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError

Item = TypeVar("Item")
Result = TypeVar("Result")

_Waiting: TypeAlias = "tuple[Item, asyncio.Future[Result]]"

#: The most items of one write, because they are in memory twice while it is under way.
_MAX: Final = 50


class GroupCommit(Generic[Item, Result]):
    """Writes items in groups. `write` gets a group in the order of arrival, and returns a result for each item.

    It commits all items of a group, or none. It runs in its own task, so a caller that is cancelled while it waits does
    not cancel the writes of others. There are `pace` seconds after each write, unless `hurry` is called.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, pace: float = 0.0) -> None:
        self._write = write
        self._pace = pace
        self._in_a_hurry = asyncio.Event()
        self._waiting: list[_Waiting[Item, Result]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, item: Item) -> Result:
        """Write the item and return its result. Raises what `write` raised for its group, or for the item alone."""
        return await self.put(item)

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Have the item written. Return its future result, which need not be awaited."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        # It marks an error as seen, so that asyncio does not log that of an item whose job was cancelled.
        result.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append((item, result))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return result

    def hurry(self) -> None:
        """Have all items that wait now written without a pause."""
        self._in_a_hurry.set()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MAX], self._waiting[_MAX:]
                await self._write_group(group)
                if self._pace:
                    await wait_any(self._in_a_hurry, timeout=self._pace)
        finally:
            self._writing = None
            self._in_a_hurry.clear()

    async def _write_group(self, group: "Sequence[_Waiting[Item, Result]]") -> None:
        try:
            results = await self._write([item for item, _ in group])
        except Exception as exc:
            if len(group) > 1 and not isinstance(exc, TransientError):
                # One item that cannot be written must not fail the others, so each is written alone.
                for item in group:
                    await self._write_group([item])
                return
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(exc)
            return
        for (_, waiting), result in zip(group, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)
