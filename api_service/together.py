"""Reads for many clients at once: what is asked for while a statement runs is read by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")


class Together(Generic[V]):
    """Reads values by their ids with `read_all`, `most` of them at once."""

    def __init__(self, read_all: Callable[[Sequence[int]], Awaitable[Mapping[int, V]]], *, most: int) -> None:
        self._read_all = read_all
        self._most = most
        self._waiting: dict[int, list[asyncio.Future[V | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, number: int) -> V | None:
        """Return the value with this id as it is now, or None if there is none. Raises what `read_all` raises."""
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(number, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        waiting: dict[int, list[asyncio.Future[V | None]]] = {}
        try:
            while self._waiting:
                numbers = list(self._waiting)[: self._most]
                waiting = {number: self._waiting.pop(number) for number in numbers}
                try:
                    found = await self._read_all(numbers)
                except Exception as exc:
                    for futures in waiting.values():
                        _settle(futures, exc)
                    continue
                for number, futures in waiting.items():
                    _settle(futures, found.get(number))
        finally:
            self._task = None
            # Only a task that is cancelled leaves some that wait.
            for futures in (*waiting.values(), *self._waiting.values()):
                for future in futures:
                    future.cancel()
            self._waiting.clear()


def _settle(futures: Sequence[asyncio.Future[V | None]], result: V | Exception | None) -> None:
    for future in futures:
        if future.done():  # its client has gone
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
