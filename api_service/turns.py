"""Turns: only a few requests of one key may hold something at once, such as a connection to the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from api_service.auth import Principal


class Turns:
    """Lets `most` requests of a key run at a time. The others wait in the order of their arrival, and hold nothing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, principal: Principal) -> AsyncIterator[None]:
        """Hold a turn while the block runs. The operator has no budgets, and never waits."""
        if principal.key_id is None or principal.sees_all:
            yield
            return
        gate = self._gates.get(principal.key_id)
        if gate is None:
            gate = self._gates[principal.key_id] = asyncio.Semaphore(self._most)
        async with gate:
            yield
