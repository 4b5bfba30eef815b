"""Shares of the memory for requests under way. A key may hold half of it, or one larger request."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api_service.auth import Principal
from api_service.problems import Kind, Problem


class Shares:
    """Shares `most` bytes among the keys. `what` names the requests in the text of a refusal."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._held: Counter[int | None] = Counter()

    @contextmanager
    def hold(self, principal: Principal, size: int) -> Iterator[None]:
        """Hold `size` bytes while the block runs. Raises `Problem` (503) if they are not free.

        A key that holds nothing may hold more than half, so that its largest request fits.
        """
        key = principal.key_id
        held = self._held[key]
        if self._held.total() + size > self._most or (held and held + size > self._most // 2):
            raise Problem(
                Kind.UNAVAILABLE,
                f"{self._what}: too many are under way; try again in a few seconds.",
            )
        self._held[key] += size
        try:
            yield
        finally:
            self._held[key] -= size
            if not self._held[key]:
                del self._held[key]
