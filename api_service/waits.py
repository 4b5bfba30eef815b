"""Bounds how many requests may wait for a result at once, so that they never use up the connections of all others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api_service.auth import Principal
from api_service.problems import Kind, Problem


class Waits:
    """Counts the requests of each key that wait.

    A key may hold less than a quarter of the `connections`, and all keys together half of them.
    """

    def __init__(self, connections: int) -> None:
        self._most = (connections - 1) // 4
        self._most_in_all = connections // 2
        self._count: Counter[int | None] = Counter()

    @contextmanager
    def hold(self, principal: Principal) -> Iterator[None]:
        """Count one wait while the block runs. Raises `Problem` if there are too many: 429 of this key, 503 of all."""
        key = principal.key_id
        if self._count[key] >= self._most:
            raise Problem(
                Kind.TOO_MANY,
                f"{self._most} requests of this key wait for results; send this one without a wait, or later.",
            )
        if self._count.total() >= self._most_in_all:
            raise Problem(
                Kind.UNAVAILABLE,
                "Too many requests wait for results; send this one without a wait, or later.",
            )
        self._count[key] += 1
        try:
            yield
        finally:
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
