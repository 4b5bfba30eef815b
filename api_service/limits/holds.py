"""Bounds what the requests of each key, and of all keys, hold at once: connections, streams, bytes.

What is too much is refused (`ConcurrencyLimit`), or waits (`KeySemaphore`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Final
from weakref import WeakValueDictionary

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from shared.common.http.bodies import ByteBudget

#: Copies of the outputs of an answer's tests that are in memory at once: rows, models and JSON.
_COPIES: Final = 3
#: Answers with fewer bytes of outputs do not count.
_SMALL: Final = 64 << 10


class ConcurrencyLimit:
    """Counts what is held, in bytes or in requests, and refuses what is too much.

    All keys together may hold `maximum`, and a key `max_of_key`. A key that holds nothing may hold more than that, so
    that its largest request fits. `refusal` says that all keys hold too much (503), `refusal_of_key` that one key does
    (429; without it, the refusal is that of all keys).
    """

    def __init__(self, maximum: int, max_of_key: int, *, refusal: str, refusal_of_key: str | None = None) -> None:
        #: What is held, by the ids of keys.
        self.budget = ByteBudget(maximum, max_of_key)
        self._refusal = refusal
        self._refusal_of_key = refusal_of_key

    @contextmanager
    def hold(self, principal: Principal, size: int = 1) -> Iterator[None]:
        """Hold so much while the block runs. Raises `ApiError` (429 or 503) if that would be too much."""
        key = principal.key_id
        if self._refusal_of_key and self.budget.is_too_much_of(key, size):
            raise ApiError(Kind.TOO_MANY, self._refusal_of_key)
        if not self.budget.take(size, key):
            raise ApiError(Kind.UNAVAILABLE, self._refusal)
        try:
            yield
        finally:
            self.budget.give_back(size, key)


def memory(max_bytes: int, what: str) -> ConcurrencyLimit:
    """Return the limit of `max_bytes`, of which a key may hold half. `what` names the requests in a refusal."""
    refusal = f"{what}: too many are under way; try again in a few seconds."
    return ConcurrencyLimit(max_bytes, max_bytes // 2, refusal=refusal)


def waits(connections: int) -> ConcurrencyLimit:
    """Return the limit of requests that wait for a result, so that they never use up the connections of all others.

    All keys may hold half of the `connections`, and a key a quarter.
    """
    max_of_key = max(1, connections // 4)
    return ConcurrencyLimit(
        connections // 2,
        max_of_key,
        refusal="Too many requests wait for results; send this one without a wait, or later.",
        refusal_of_key=f"{max_of_key} requests of this key wait for results; send this one without a wait, or later.",
    )


@contextmanager
def reserving(answers: ConcurrencyLimit, principal: Principal) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the bytes of outputs, and holds their memory in `answers` until the block ends."""
    with ExitStack() as held:

        def reserve(size: int) -> None:
            if size > _SMALL:
                held.enter_context(answers.hold(principal, _COPIES * size))

        yield reserve


class KeySemaphore:
    """Lets `maximum` requests of a key run at a time. The others wait in their order, and hold nothing."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._gates: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, principal: Principal) -> AsyncIterator[None]:
        """Be one of them while the block runs. The operator has no limits, and never waits."""
        if principal.key_id is None or principal.sees_all:
            yield
            return
        gate = self._gates.get(principal.key_id)
        if gate is None:
            gate = self._gates[principal.key_id] = asyncio.Semaphore(self._maximum)
        async with gate:
            yield
