"""Keeps an engine that is away from getting runs until it answers. Without this file, each run finds that out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Gauge

_MAX_SECONDS: Final = 10.0


class Circuit:
    """Is closed while the engine may be used. `is_well` tries it 1 s after `open`, then after 2, 4, 8 and each 10 s.

    These seconds begin anew when a run has begun, which calls `close`. `up` is 0 while the circuit is open.
    """

    def __init__(self, is_well: Callable[[], Awaitable[bool]], up: Gauge) -> None:
        self._is_well = is_well
        self._up = up
        self._failures = 0
        self._trying: asyncio.Task[None] | None = None
        up.set(1)

    @property
    def is_closed(self) -> bool:
        return self._trying is None or self._trying.done()

    def open(self) -> None:
        if self.is_closed:
            self._up.set(0)
            self._trying = asyncio.create_task(self._try())

    def close(self) -> None:
        self._failures = 0
        if self._trying and not self._trying.done():
            self._trying.cancel()
            self._trying = None
            self._up.set(1)

    async def _try(self) -> None:
        is_well = False
        while not is_well:
            await asyncio.sleep(min(_MAX_SECONDS, 2.0**self._failures))
            self._failures += 1
            is_well = await self._is_well()
        self._up.set(1)
