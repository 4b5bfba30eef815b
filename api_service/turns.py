"""Turns at the database: however many requests a key sends at once, few of them hold one of its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from api_service.auth import Principal


class Turns:
    """`most` requests of one key at a time; its others wait, first come, first served, and hold nothing.

    More would not be quicker: they wait for each other at the rows of their key's budgets.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, principal: Principal) -> AsyncIterator[None]:
        """A turn for as long as the block runs; at once for the operator, who has no budgets."""
        if principal.key_id is None or principal.sees_all:
            yield
            return
        gate = self._gates.get(principal.key_id)
        if gate is None:
            gate = self._gates[principal.key_id] = asyncio.Semaphore(self._most)
        async with gate:
            yield
