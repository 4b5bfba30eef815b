"""Bounds on the bodies of requests: the size of each, the time that each may take, and the bytes of all together.

An application that knows its senders says whose a body is (`own_body`). Then the bytes of one sender are bounded too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of each body that the budget does not count. They are bounded by the number of connections. So a small request
#: is served even if large ones have used up the budget.
FREE_BYTES: Final = 65536
_HEADERS: Final = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"Accept-Encoding": "identity"},
}

#: The name of a request's body in its scope.
_BODY: Final = "precieux.body"

#: Makes the answer to a refused request from a status, a sentence and header fields. The body is not read to its end.
Refuse = Callable[[HTTPStatus, str, Mapping[str, str]], ASGIApp]


@dataclass(frozen=True)
class BodyLimits:
    """The bounds of one body.

    `pause_s` is the longest time between two pieces of a body, `whole_s` the longest time for all of them.
    """

    max_bytes: int
    pause_s: float = 10.0
    whole_s: float = 60.0


class ByteBudget:
    """The bytes, or other units, that all requests together may hold.

    An owner that holds some may have `max_of_owner` at most. One that holds nothing may take more, so that its largest
    request fits.
    """

    def __init__(self, maximum: int, max_of_owner: int | None = None) -> None:
        self.free = maximum
        self._max_of_owner = maximum if max_of_owner is None else max_of_owner
        self._held: Counter[Hashable] = Counter()
        self._given_back = asyncio.Event()

    def take(self, size: int, owner: Hashable = None) -> bool:
        """Take `size` bytes for an owner and return True, or take nothing and return False."""
        if size > self.free or self.is_too_much_of(owner, size):
            return False
        self.free -= size
        self._held[owner] += size
        return True

    def is_too_much_of(self, owner: Hashable, size: int) -> bool:
        """Return True if an owner may not take `size` bytes beside those that it holds."""
        held = self._held[owner]
        return held > 0 and held + size > self._max_of_owner

    def give_back(self, size: int, owner: Hashable = None) -> None:
        self.free += size
        self._held[owner] -= size
        if not self._held[owner]:
            del self._held[owner]
        self._given_back.set()

    async def take_when_free(self, size: int, owner: Hashable) -> None:
        """Wait until `size` bytes are free for an owner, and take them."""
        while not self.take(size, owner):
            self._given_back.clear()
            await self._given_back.wait()


def give_back(scope: Scope) -> None:
    """Give the body's part of the budget back before a long answer. The application must not hold the body then."""
    if (body := scope.get(_BODY)) is not None:
        body.close()


def own_body(scope: Scope, owner: Hashable) -> None:
    """Count the body of a request as that of its sender, which is known from now on."""
    if (body := scope.get(_BODY)) is not None:
        body.own(owner)


@dataclass(frozen=True)
class BoundedBodies:
    """ASGI middleware that refuses bodies.

    413 for a body that is too large, 415 for one that is compressed, 408 for one that is too slow, 503 when the budget
    is spent.

    With `is_late`, a body that is declared too large is refused when the application begins to read it, so that it can
    answer with another error first. Otherwise it is refused before the application is called.

    With `is_patient`, a body waits for its part of the budget, for as long as the application does.

    `by_path` has the limits of paths whose bodies are read before their sender is known. `uploads` says which requests
    have bodies that are not kept in memory, so the budget does not count them, and the limits of these.

    A body gives its part of the budget back when its client has read the answer, or by `give_back`. If a request is
    refused while its body arrives, the application receives a disconnect, and the middleware drops what it sends after
    that.
    """

    app: ASGIApp
    limits: BodyLimits
    budget: ByteBudget
    refuse: Refuse
    is_late: Callable[[Scope], bool] = lambda scope: False
    is_patient: Callable[[Scope], bool] = lambda scope: False
    by_path: Mapping[str, BodyLimits] = field(default_factory=dict)
    uploads: tuple[Callable[[Scope], bool], BodyLimits] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        size = int(declared) if declared.isdigit() and len(declared) < 20 else 0
        codings = {value.strip().lower() for name, value in scope["headers"] if name == b"content-encoding"}
        limits, budget = self.by_path.get(scope["path"], self.limits), self.budget
        if self.uploads and self.uploads[0](scope):
            limits, budget = self.uploads[1], ByteBudget(self.uploads[1].max_bytes)
        is_late, is_patient = self.is_late(scope), self.is_patient(scope)
        is_encoded = not codings <= {b"", b"identity"}
        body = _Body(limits, budget, receive, size, is_encoded=is_encoded, is_patient=is_patient)
        answering = False

        async def refuse(refused: _Refused) -> None:
            # uvicorn reads the rest of the body and drops it. A client that is still sending would not see the answer
            # if the connection were closed at once.
            headers = _HEADERS.get(refused.status, {})
            await self.refuse(refused.status, refused.sentence, headers)(scope, receive, send)

        async def bounded_receive() -> Message:
            nonlocal answering
            try:
                if is_late:
                    body.expect()
                return await body.receive()
            except _Refused as refused:
                if not answering:
                    answering = True
                    await refuse(refused)
                return {"type": "http.disconnect"}

        async def bounded_send(message: Message) -> None:
            nonlocal answering
            answering = True
            if body.refused is not None:
                return
            if body.is_counted and message["type"] == "http.response.body" and not message.get("more_body"):
                # uvicorn waits for the client before it writes, not after, so this returns when the client has read it.
                await send({**message, "more_body": True})
                message = {"type": "http.response.body"}
            await send(message)

        if not is_late:
            try:
                body.expect()
            except _Refused as refused:
                await refuse(refused)
                return
        scope[_BODY] = body
        try:
            await self.app(scope, bounded_receive, bounded_send)
        except Exception:
            if body.refused is None:
                raise
        finally:
            body.close()
            # It refers to the request, which would otherwise stay in memory until the next garbage collection.
            del scope[_BODY]


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class _Body:
    """The state of one body: what has arrived, and why it was refused."""

    def __init__(
        self,
        limits: BodyLimits,
        budget: ByteBudget,
        receive: Receive,
        declared: int,
        *,
        is_encoded: bool,
        is_patient: bool,
    ) -> None:
        self._limits = limits
        self._budget = budget
        self._receive = receive
        self._declared = declared
        self._is_encoded = is_encoded
        self._is_patient = is_patient
        self._ends: float | None = None
        self._bytes = 0
        self._taken = 0
        self._owner: Hashable = None
        self._complete = False
        #: The arguments of the exception. The exception itself would keep its frames, and so the body, alive until the
        #: next garbage collection.
        self.refused: tuple[HTTPStatus, str] | None = None

    @property
    def is_counted(self) -> bool:
        """True while the body has a part of the budget."""
        return self._taken > 0

    def expect(self) -> None:
        """Refuse a body by its declared size, before any of it is read."""
        if self._bytes:
            return
        self._check_size(self._declared)
        if self._declared - FREE_BYTES - self._taken > self._budget.free and not self._is_patient:
            raise self._budget_spent()

    def own(self, owner: Hashable) -> None:
        """Count the body as this owner's, from its next piece on. It is refused then if the owner has no room."""
        self.close()
        self._owner = owner

    async def receive(self) -> Message:
        if self.refused:
            raise _Refused(*self.refused)
        if self._complete:
            return await self._receive()
        # All that is declared at once, so that bodies that are half read never wait for each other.
        await self._take(max(self._declared, self._bytes))
        now = asyncio.get_running_loop().time()
        if self._ends is None:
            self._ends = now + self._limits.whole_s
        try:
            async with asyncio.timeout_at(min(self._ends, now + self._limits.pause_s)):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body did not come in time: {self._limits.whole_s:g} s for all of it,"
                f" {self._limits.pause_s:g} s between two pieces.",
            ) from None
        size = len(message.get("body", b""))
        self._bytes += size
        self._check_size(self._bytes)
        if size and self._is_encoded:
            sentence = "The body is compressed; send it as it is, without Content-Encoding."
            raise self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
        await self._take(self._bytes)
        self._complete = not message.get("more_body", False)
        return message

    def close(self) -> None:
        self._budget.give_back(self._taken, self._owner)
        self._taken = 0

    async def _take(self, size: int) -> None:
        missing = size - FREE_BYTES - self._taken
        if missing <= 0:
            return
        if self._is_patient:
            await self._budget.take_when_free(missing, self._owner)
        elif not self._budget.take(missing, self._owner):
            raise self._budget_spent()
        self._taken += missing

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_bytes:
            sentence = f"The body is over {self._limits.max_bytes} bytes; send less."
            raise self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)

    def _budget_spent(self) -> _Refused:
        return self._refuse(
            HTTPStatus.SERVICE_UNAVAILABLE, "Too many large requests are under way; try again in a moment."
        )

    def _refuse(self, status: HTTPStatus, sentence: str) -> _Refused:
        self.refused = status, sentence
        return _Refused(status, sentence)
