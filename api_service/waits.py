"""Bounds how many requests of a key may wait for a result at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from api_service.auth import Principal
from api_service.problems import Problem


class Waits:
    """Counts the requests of each key that wait; `most` may."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: Counter[int | None] = Counter()

    @contextmanager
    def hold(self, principal: Principal) -> Iterator[None]:
        """Count one wait while the block runs. Raise `Problem` (429) if the key has too many."""
        key = principal.key_id
        if self._count[key] >= self._most:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{self._most} requests of this key wait for results; send this one without a wait, or later.",
                {"Retry-After": "5"},
            )
        self._count[key] += 1
        try:
            yield
        finally:
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
