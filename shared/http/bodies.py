"""Bounds on the bodies of requests: the size of each, the time that each may take, and the bytes of all together."""

import asyncio
from collections.abc import Callable, Mapping
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

#: The name of a function in the scope of a request, which gives its part of the budget back.
_GIVE_BACK: Final = "precieux.give_back"

#: Makes the answer to a refused request from a status, a sentence and header fields. The body is not read to its end.
Refuse = Callable[[HTTPStatus, str, Mapping[str, str]], ASGIApp]


@dataclass(frozen=True)
class BodyLimits:
    """The bounds of one body.

    `pause_s` is the longest time between two pieces of a body, `whole_s` the longest time for all of them.
    """

    most_bytes: int
    pause_s: float = 10.0
    whole_s: float = 60.0


class ByteBudget:
    """The bytes that all requests together may hold."""

    def __init__(self, max_bytes: int) -> None:
        self.free = max_bytes
        self._given_back = asyncio.Event()

    def take(self, size: int) -> bool:
        """Take `size` bytes and return True, or take nothing and return False."""
        if size > self.free:
            return False
        self.free -= size
        return True

    def give_back(self, size: int) -> None:
        self.free += size
        self._given_back.set()

    async def until_free(self, size: int) -> None:
        """Wait until `size` bytes may be taken."""
        while size > self.free:
            self._given_back.clear()
            await self._given_back.wait()


def give_back(scope: Scope) -> None:
    """Give the body's part of the budget back before a long answer. The application must not hold the body then."""
    if (give := scope.get(_GIVE_BACK)) is not None:
        give()


@dataclass(frozen=True)
class BoundedBodies:
    """ASGI middleware that refuses bodies.

    413 for a body that is too large, 415 for one that is compressed, 408 for one that is too slow, 503 when the budget
    is spent.

    With `is_late`, a body that is declared too large is refused when the application begins to read it, so that it can
    answer with another error first. Otherwise it is refused before the application is called.

    With `is_patient`, a body waits for its part of the budget, for as long as the application does. The application
    must bound what such bodies have together: each waits while it has a part, so they could wait for one another.

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
            limits, budget = self.uploads[1], ByteBudget(self.uploads[1].most_bytes)
        is_late, is_patient = self.is_late(scope), self.is_patient(scope)
        body = _Body(limits, budget, receive, is_encoded=not codings <= {b"", b"identity"}, is_patient=is_patient)
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
                    body.expect(size)
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
                body.expect(size)
            except _Refused as refused:
                await refuse(refused)
                return
        scope[_GIVE_BACK] = body.close
        try:
            await self.app(scope, bounded_receive, bounded_send)
        except Exception:
            if body.refused is None:
                raise
        finally:
            body.close()
            # It refers to the request, which would otherwise stay in memory until the next garbage collection.
            del scope[_GIVE_BACK]


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class _Body:
    """The state of one body: what has arrived, and why it was refused."""

    def __init__(
        self, limits: BodyLimits, budget: ByteBudget, receive: Receive, *, is_encoded: bool, is_patient: bool
    ) -> None:
        self._limits = limits
        self._budget = budget
        self._receive = receive
        self._is_encoded = is_encoded
        self._is_patient = is_patient
        self._ends: float | None = None
        self._bytes = 0
        self._taken = 0
        self._complete = False
        #: The arguments of the exception. The exception itself would keep its frames, and so the body, alive until the
        #: next garbage collection.
        self.refused: tuple[HTTPStatus, str] | None = None

    @property
    def is_counted(self) -> bool:
        """True while the body has a part of the budget."""
        return self._taken > 0

    def expect(self, size: int) -> None:
        """Refuse a body by its declared size, before any of it is read."""
        if self._bytes:
            return
        self._check_size(size)
        if size - FREE_BYTES > self._budget.free and not self._is_patient:
            raise self._budget_spent()

    async def receive(self) -> Message:
        if self.refused:
            raise _Refused(*self.refused)
        if self._complete:
            return await self._receive()
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
        if self._is_patient and self._bytes + size <= self._limits.most_bytes:
            await self._budget.until_free(self._missing(size))
        self._count(size)
        self._complete = not message.get("more_body", False)
        return message

    def close(self) -> None:
        self._budget.give_back(self._taken)
        self._taken = 0

    def _count(self, size: int) -> None:
        self._bytes += size
        self._check_size(self._bytes)
        if size and self._is_encoded:
            sentence = "The body is compressed; send it as it is, without Content-Encoding."
            raise self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
        missing = self._missing(0)
        if missing > 0:
            if not self._budget.take(missing):
                raise self._budget_spent()
            self._taken += missing

    def _missing(self, more: int) -> int:
        """Return the bytes that must be taken of the budget when so many more have come."""
        return self._bytes + more - FREE_BYTES - self._taken

    def _check_size(self, size: int) -> None:
        if size > self._limits.most_bytes:
            sentence = f"The body is over {self._limits.most_bytes} bytes; send less."
            raise self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)

    def _budget_spent(self) -> _Refused:
        return self._refuse(
            HTTPStatus.SERVICE_UNAVAILABLE, "Too many large requests are under way; try again in a moment."
        )

    def _refuse(self, status: HTTPStatus, sentence: str) -> _Refused:
        self.refused = status, sentence
        return _Refused(status, sentence)
