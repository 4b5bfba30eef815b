"""Bounds the memory of answers with the outputs of many tests: 100 tests may have 12 MB, which JSON makes longer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api_service.auth import Principal
from api_service.dependencies import Services

#: Copies of the outputs that are in memory at once: rows, models and JSON.
_COPIES = 3
#: Answers with fewer bytes do not count.
_SMALL = 64 << 10


class _Held(Response):
    """Sends another response, and then gives the memory of its answer back."""

    def __init__(self, inner: Response, held: ExitStack) -> None:
        super().__init__()
        self.status_code, self.raw_headers, self.body = inner.status_code, inner.raw_headers, inner.body
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


class Admission:
    """Holds the memory of one answer. `admit` is for `shared.resources.read`."""

    def __init__(self, services: Services, principal: Principal) -> None:
        self._services = services
        self._principal = principal
        self._is_large = False
        self.held = ExitStack()

    def admit(self, size: int) -> None:
        """Hold the memory. Raise `Problem` (503) if the other answers leave too little."""
        if size > _SMALL:
            self._is_large = True
            self.held.enter_context(self._services.large_answers.hold(self._principal, size * _COPIES))

    def until_sent(self, response: Response) -> Response:
        """Return the response, which keeps the memory until it is sent."""
        return _Held(response, self.held.pop_all()) if self._is_large else response


@contextmanager
def admission(services: Services, principal: Principal) -> Iterator[Admission]:
    """Yield the admission of one answer. What it holds is given back after the block, or by `until_sent`."""
    admitted = Admission(services, principal)
    with admitted.held:
        yield admitted
