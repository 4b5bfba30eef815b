"""Group commit: writes that are asked for while another is under way go together in the next one.

One round trip and one commit then carry them all, which costs Postgres and us little more than one alone. The first
goes at once, so nothing waits while there is little to do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from shared.errors import TransientError

Item = TypeVar("Item")
Result = TypeVar("Result")

_Waiting: TypeAlias = "tuple[Item, asyncio.Future[Result]]"

#: Items of one write: they are in memory twice while it is under way.
_MOST: Final = 50


class GroupCommit(Generic[Item, Result]):
    """`write` gets the items in the order of their coming, and returns a result for each; all of them or none.

    It runs in a task of its own: whoever is cancelled while waiting does not take the others' writes along.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: list[_Waiting[Item, Result]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, item: Item) -> Result:
        """The item's result, once it is committed; raises what `write` raised for its group, or for it alone."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await result

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: "Sequence[_Waiting[Item, Result]]") -> None:
        try:
            results = await self._write([item for item, _ in group])
        except Exception as exc:
            if len(group) > 1 and not isinstance(exc, TransientError):
                # One that cannot be written must not condemn the others.
                for one in group:
                    await self._write_group([one])
                return
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(exc)
            return
        for (_, waiting), result in zip(group, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)
