"""The bounds on bodies, with an application behind them."""

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.common.http.bodies import FREE_BYTES, BodyLimits, BoundedBodies, ByteBudget
from shared.common.http.connections import ConnectionLimits
from tests.fixtures.http_serving import connect, read_all, serving
from tests.waiting import eventually_sync

_LIMITS = BodyLimits(max_bytes=4 * FREE_BYTES, pause_s=3600, whole_s=3600)


def _refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> ASGIApp:
    return PlainTextResponse(sentence, status, headers)


class Client:
    """One request. The test puts in the pieces of its body."""

    def __init__(
        self, *pieces: bytes, declared: int | None = None, end: bool = False, codings: Sequence[bytes] = ()
    ) -> None:
        headers = [] if declared is None else [(b"content-length", str(declared).encode())]
        headers += [(b"content-encoding", coding) for coding in codings]
        self.scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        self.sent: list[Message] = []
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        for piece in pieces:
            self.put(piece)
        if end:
            self.put(b"", more=False)

    def put(self, body: bytes, *, more: bool = True) -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Message:
        return await self._messages.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        (start,) = (message for message in self.sent if message["type"] == "http.response.start")
        return int(start["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


class App:
    """Waits for `go`, and answers with the length of the body."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.got = asyncio.Event()
        self.left = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            self.left += 1
            raise
        self.got.set()
        await self.go.wait()
        await PlainTextResponse(str(len(body)))(scope, receive, send)


async def _serve(client: Client, app: App, limits: BodyLimits = _LIMITS, budget: ByteBudget | None = None) -> Client:
    bounded = BoundedBodies(app, limits, budget or ByteBudget(1 << 30), _refuse)
    await asyncio.wait_for(bounded(client.scope, client.receive, client.send), 30)
    return client


async def test_a_body_within_the_bounds_is_passed_on_whole() -> None:
    client = await _serve(Client(b"a" * FREE_BYTES, b"b" * FREE_BYTES, b"c" * FREE_BYTES, end=True), App())
    assert client.status == 200
    assert client.body == str(3 * FREE_BYTES).encode()


async def test_a_body_is_refused_early_by_its_declared_size() -> None:
    app = App()
    client = await _serve(Client(declared=4 * FREE_BYTES + 1), app)
    assert (client.status, app.left, app.got.is_set()) == (413, 0, False)


@pytest.mark.parametrize("declared", [None, 1])
async def test_a_body_is_refused_as_it_grows(declared: int | None) -> None:
    app = App()
    client = await _serve(Client(*[b"a" * FREE_BYTES] * 4, b"b", declared=declared), app)
    assert (client.status, app.left) == (413, 1)


@pytest.mark.parametrize("codings", [[b"gzip"], [b"x"], [b"gzip, identity"], [b"identity", b"BR"]])
async def test_a_compressed_body_is_refused(codings: list[bytes]) -> None:
    app = App()
    client = await _serve(Client(b"\x1f\x8b", codings=codings), app)
    assert (client.status, client.headers[b"accept-encoding"], app.left) == (415, b"identity", 1)
    assert b"compressed" in client.sent[-1]["body"]


@pytest.mark.parametrize("codings", [[], [b""], [b"Identity"]])
async def test_a_body_without_a_coding_is_served(codings: list[bytes]) -> None:
    assert (await _serve(Client(b"{}", end=True, codings=codings), App())).status == 200


async def test_a_coding_without_a_body_is_ignored() -> None:
    assert (await _serve(Client(end=True, codings=[b"gzip"]), App())).status == 200


async def test_a_body_may_wait_for_its_part_of_the_budget() -> None:
    app, budget = App(), ByteBudget(FREE_BYTES)
    assert budget.take(FREE_BYTES)
    client = Client(b"a" * FREE_BYTES, b"b" * FREE_BYTES, end=True, declared=2 * FREE_BYTES)
    bounded = BoundedBodies(app, _LIMITS, budget, _refuse, is_late=lambda _: True, is_patient=lambda _: True)
    serving_ = asyncio.create_task(bounded(client.scope, client.receive, client.send))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (client.sent, app.got.is_set()) == ([], False)
    budget.give_back(FREE_BYTES)
    await asyncio.wait_for(serving_, 30)
    assert (client.status, budget.free) == (200, FREE_BYTES)


async def test_a_body_that_pauses_is_refused() -> None:
    app = App()
    limits = BodyLimits(max_bytes=10, pause_s=0.05, whole_s=3600)
    client = await _serve(Client(b"a"), app, limits)
    assert (client.status, client.headers[b"connection"], app.left) == (408, b"close", 1)


async def test_a_body_that_trickles_in_is_refused() -> None:
    app = App()
    client = Client()
    trickle = asyncio.create_task(_trickle(client))
    limits = BodyLimits(max_bytes=1 << 30, pause_s=3600, whole_s=0.1)
    await _serve(client, app, limits)
    trickle.cancel()
    assert (client.status, app.left) == (408, 1)


async def _trickle(client: Client) -> None:
    while True:
        client.put(b"a")
        await asyncio.sleep(0.001)


async def test_deadlines_end_with_the_body() -> None:
    client = Client(b"a", end=True)
    listening = asyncio.Event()

    async def until_the_client_leaves(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        listening.set()
        assert (await receive())["type"] == "http.disconnect"
        await PlainTextResponse("it has left")(scope, receive, send)

    limits = BodyLimits(max_bytes=10, pause_s=0.01, whole_s=0.01)
    bounded = BoundedBodies(until_the_client_leaves, limits, ByteBudget(0), _refuse)
    under_way = asyncio.create_task(bounded(client.scope, client.receive, client.send))
    await listening.wait()
    await asyncio.sleep(0.05)  # timers fire in order, so those of the deadlines would have fired
    client.leave()
    await under_way
    assert client.status == 200


async def test_all_bodies_together_keep_to_the_budget() -> None:
    budget = ByteBudget(2 * FREE_BYTES)
    first, second, small = App(), App(), App()
    first.go.clear()
    client = Client(b"a" * 3 * FREE_BYTES, end=True)
    under_way = asyncio.create_task(_serve(client, first, budget=budget))
    await first.got.wait()
    for refused in (Client(declared=2 * FREE_BYTES), Client(b"b" * 2 * FREE_BYTES)):
        await _serve(refused, second, budget=budget)
        assert (refused.status, refused.headers[b"retry-after"]) == (503, b"5")
    assert second.left == 1  # only a body without a declared size takes from it
    assert (await _serve(Client(b"c" * FREE_BYTES, end=True), small, budget=budget)).status == 200
    first.go.set()
    await under_way
    assert client.status == 200
    assert budget.free == 2 * FREE_BYTES
    assert (await _serve(Client(b"b" * 2 * FREE_BYTES, end=True), second, budget=budget)).status == 200


@pytest.mark.parametrize(("path", "status"), [("/form", 408), ("/", 200)])
async def test_a_path_may_have_bounds_of_its_own(path: str, status: int) -> None:
    client = Client(b"a")
    client.scope["path"] = path
    by_path = {"/form": BodyLimits(max_bytes=10, pause_s=3600, whole_s=0.05)}
    bounded = BoundedBodies(App(), _LIMITS, ByteBudget(0), _refuse, by_path=by_path)
    under_way = asyncio.create_task(bounded(client.scope, client.receive, client.send))
    await asyncio.sleep(0.1)  # timers fire in order, so that of the deadline has fired
    client.put(b"", more=False)
    await asyncio.wait_for(under_way, 30)
    assert client.status == status


def test_a_body_counts_until_its_answer_has_been_read() -> None:
    """An answer that repeats a body is as large or larger, and stays in memory until the client reads it."""
    budget = ByteBudget(2 * FREE_BYTES)
    is_sent = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        is_sent.set()
        await PlainTextResponse(body * 300)(scope, receive, send)

    def post(size: int) -> bytes:
        return b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size

    bounded = BoundedBodies(app, _LIMITS, budget, _refuse)
    with serving(bounded, ConnectionLimits()) as address, connect(address) as unread:
        unread.sendall(post(3 * FREE_BYTES))
        assert is_sent.wait(30)
        for _ in range(3):  # the server has had time to hand the answer to its transport
            with connect(address) as other:
                other.sendall(post(2 * FREE_BYTES))
                assert other.recv(12) == b"HTTP/1.1 503"
        assert len(read_all(unread)) > 900 * FREE_BYTES
        eventually_sync(lambda: budget.free == 2 * FREE_BYTES, what="the body is given back")


async def test_the_budget_has_everything_back_when_a_request_fails() -> None:
    budget = ByteBudget(FREE_BYTES)

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ZeroDivisionError

    client = Client(b"a" * 2 * FREE_BYTES)
    with pytest.raises(ZeroDivisionError):
        await BoundedBodies(failing, _LIMITS, budget, _refuse)(client.scope, client.receive, client.send)
    assert budget.free == FREE_BYTES


async def test_the_read_part_of_a_refused_body_is_freed_at_once() -> None:
    class Piece(bytearray):
        pass

    freed: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept = Piece()
        weakref.finalize(kept, freed.append, True)
        with contextlib.suppress(ClientDisconnect):
            async for piece in Request(scope, receive).stream():
                kept += piece

    client = Client(b"x" * FREE_BYTES, b"x" * FREE_BYTES)
    gc.disable()  # which would run after some such bodies
    try:
        await BoundedBodies(app, _LIMITS, ByteBudget(1), _refuse)(client.scope, client.receive, client.send)
        assert client.status == 503
        assert freed
    finally:
        gc.enable()
