"""The bounds on connections, over raw sockets, on both event loops that our services use."""

import asyncio
import contextlib
import re
import select
import socket
import threading
from collections.abc import Iterator

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from shared.common.http import connections
from shared.common.http.bounded_protocol import stop_counting
from shared.common.http.connections import ConnectionLimits, network
from tests.fixtures.http_serving import LoopFactory, connect, read_all, serving
from tests.waiting import eventually_sync

_GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
_LAST = b"Connection: close\r\n\r\n"
_UNREAD_BYTES = 64 << 20


class App:
    """Answers `/` at once, `/pieces` without its length, `/large` with more than any buffer holds.

    `/body` is answered after the body, and `/wait` when `go` is set. `/uncounted` is like `/wait`, but its connection
    does not count. `/leave` waits until its client has left.
    """

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.received = bytearray()
        self.left = threading.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in ("/wait", "/uncounted"):
            if scope["path"] == "/uncounted":
                stop_counting(scope)
            self.waiting.release()
            await asyncio.to_thread(self.go.wait)
        else:
            self.asked.release()
        while scope["path"] == "/leave":
            if (await receive())["type"] == "http.disconnect":
                self.left.release()
                break
        while scope["path"] == "/body":
            message = await receive()
            self.received += message.get("body", b"")
            if not message.get("more_body"):
                break
        body = b"x" * (_UNREAD_BYTES if scope["path"] == "/large" else 4)
        headers = [(b"content-length", str(len(body)).encode())] if scope["path"] != "/pieces" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:2], "more_body": True})
        await send({"type": "http.response.body", "body": body[2:]})


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    factory: LoopFactory = request.param
    return factory


@contextlib.contextmanager
def _serving(loop_factory: LoopFactory, **limits: float) -> Iterator[tuple[App, tuple[str, int]]]:
    app = App()
    with serving(app, ConnectionLimits(**limits), loop_factory) as address:  # type: ignore[arg-type]
        try:
            yield app, address
        finally:
            app.go.set()


def _ask(address: tuple[str, int], source: str = "127.0.0.1") -> bytes:
    with connect(address, source) as connection:
        connection.sendall(_GET + _LAST)
        return read_all(connection)


def _start_waiting(
    app: App, address: tuple[str, int], stack: contextlib.ExitStack, path: bytes = b"/wait", end: bytes = _LAST
) -> socket.socket:
    """Return a connection with a request under way."""
    connection = stack.enter_context(connect(address))
    connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + end)
    assert app.waiting.acquire(timeout=30)
    return connection


def test_a_head_that_trickles_in_closes_its_connection(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, head_s=0.3) as (_, address), connect(address) as connection:
        connection.sendall(_GET)
        for _ in range(600):
            if select.select([connection], [], [], 0.05)[0]:
                break
            connection.sendall(b"a")
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("part", [b"\r\n", b"GET", _GET])
def test_a_later_head_has_the_same_deadline(loop_factory: LoopFactory, part: bytes) -> None:
    with _serving(loop_factory, head_s=0.2) as (_, address), connect(address) as connection:
        connection.sendall(_GET + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(part)
        assert b"HTTP/1.1 408 " in read_all(connection)


@pytest.mark.parametrize("limits", [{"max_total": 4}, {"max_per_address": 4}])
def test_stalled_clients_do_not_lock_others_out(loop_factory: LoopFactory, limits: dict[str, float]) -> None:
    with _serving(loop_factory, answer_s=3600, **limits) as (app, address), contextlib.ExitStack() as stack:
        working = [_start_waiting(app, address, stack) for _ in range(2)]
        for start in (
            b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
            b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
        ) * 4:
            stack.enter_context(connect(address)).sendall(start)
            assert app.asked.acquire(timeout=30)
            assert _ask(address).startswith(b"HTTP/1.1 200 ")
            assert app.asked.acquire(timeout=30)
        app.go.set()
        assert all(read_all(connection).startswith(b"HTTP/1.1 200 ") for connection in working)


@pytest.mark.parametrize("limits", [{"max_total": 2}, {"max_per_address": 2}])
def test_requests_under_way_survive_new_connections(loop_factory: LoopFactory, limits: dict[str, float]) -> None:
    with _serving(loop_factory, **limits) as (app, address), contextlib.ExitStack() as stack:
        working = [_start_waiting(app, address, stack) for _ in range(2)]
        assert _is_refused(address)
        if "max_per_address" in limits:
            assert _ask(address, "127.0.0.2").startswith(b"HTTP/1.1 200 ")
        app.go.set()
        assert all(read_all(connection).startswith(b"HTTP/1.1 200 ") for connection in working)
        assert _ask(address).startswith(b"HTTP/1.1 200 ")


def _is_refused(address: tuple[str, int]) -> bool:
    answer = _ask(address)
    return answer == b"" or answer.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("limits", [{"max_total": 2}, {"max_per_address": 2}])
def test_connections_may_wait_for_the_end_of_others(loop_factory: LoopFactory, limits: dict[str, float]) -> None:
    with _serving(loop_factory, max_waiting=2, **limits) as (app, address), contextlib.ExitStack() as stack:
        working = [_start_waiting(app, address, stack) for _ in range(2)]
        waiting = [stack.enter_context(connect(address)) for _ in range(2)]
        for connection in waiting:
            connection.sendall(_GET + _LAST)
        assert _is_refused(address)
        assert not app.asked.acquire(blocking=False)
        app.go.set()
        assert all(read_all(connection).startswith(b"HTTP/1.1 200 ") for connection in working + waiting)


def test_a_kept_connection_is_given_up_for_one_that_waits(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, max_total=1, max_waiting=1) as (app, address), contextlib.ExitStack() as stack:
        kept = _start_waiting(app, address, stack, end=b"\r\n")
        waiting = stack.enter_context(connect(address))
        waiting.sendall(_GET + _LAST)
        assert _is_refused(address)
        app.go.set()
        assert kept.recv(1000).startswith(b"HTTP/1.1 200 ")
        kept.sendall(_GET + b"\r\n")
        assert b"\r\nconnection: close\r\n" in read_all(kept)
        assert read_all(waiting).startswith(b"HTTP/1.1 200 ")


def test_a_client_has_some_time_although_others_wait(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_S", 3600)
    with _serving(loop_factory, max_total=1, max_waiting=1) as (_, address), contextlib.ExitStack() as stack:
        new, waiting = (stack.enter_context(connect(address)) for _ in range(2))
        waiting.sendall(_GET + _LAST)
        assert _is_refused(address)
        new.sendall(_GET + b"\r\n")
        assert read_all(new).startswith(b"HTTP/1.1 200 ")
        assert read_all(waiting).startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_is_closed_for_one_that_waits(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_S", 0.2)
    with _serving(loop_factory, max_total=1, max_waiting=1) as (_, address), connect(address) as idle:
        assert _ask(address).startswith(b"HTTP/1.1 200 ")
        with contextlib.suppress(ConnectionError):
            assert idle.recv(1) == b""


@pytest.mark.parametrize(
    ("start", "more", "status"),
    [
        (b"GET /", b"a" * 4096, 431),
        (_GET + b"A: ", b"a" * 4096, 431),
        (_GET + b"A: " + b"a" * 70000 + b"\r\n\r\n", b"", 431),
        (_GET, b"a: b\r\n" * 16, 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: ", b"a" * 4096, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a: b\r\n" * 16, 400),
        (b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", (_GET + b"\r\n") * 4, 400),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 16, 400),
    ],
    ids=[
        "endless path",
        "endless field",
        "long head at once",
        "many fields",
        "endless trailer",
        "many trailers",
        "many requests at once",
        "many small pieces",
    ],
)
def test_the_memory_of_a_client_is_bounded(loop_factory: LoopFactory, start: bytes, more: bytes, status: int) -> None:
    with _serving(loop_factory, head_s=3600) as (_, address), connect(address) as connection:
        with contextlib.suppress(ConnectionError):
            # In one piece, so that they arrive faster than the server can answer.
            connection.sendall(start + more * 1000)
        answers = read_all(connection)  # until the server closes the connection, which may drop its last answer
        assert f"HTTP/1.1 {status} ".encode() in answers or b" 200 " not in answers


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (
            b"GET /?inputs=" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"431 ",
            b"65536 bytes together: send what is long in",
        ),
        (_GET + b"a: b\r\n" * 200 + b"\r\n", b"400 ", b"at most 128 header fields"),
        ((_GET + b"\r\n") * 12, b"400 ", b"at most 8 further requests"),
    ],
    ids=["long query", "many fields", "many requests"],
)
def test_a_refused_head_gets_a_hint(loop_factory: LoopFactory, request_: bytes, status: bytes, sentence: bytes) -> None:
    # Hardly more than the limit: unread bytes would drop the answer.
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(request_)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert sentence in body
        assert f"content-length: {len(body)}".encode() in head.lower()
        assert re.search(rb"\r\nX-Request-Id: [0-9a-f]{32}\r\n", head)


def test_a_body_that_goes_on_after_the_answer_is_cut_off(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, head_s=3600) as (_, address), connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * _UNREAD_BYTES)


@pytest.mark.parametrize("head", [b"1.1\r\nHost: x\r\nConnection: close\r\n", b"1.0\r\n"], ids=["close", "HTTP/1.0"])
def test_a_last_answer_waits_for_the_body(loop_factory: LoopFactory, head: bytes) -> None:
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(b"POST / HTTP/" + head + b"Content-Length: 20000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"x" * 20_000_000)
        rest = read_all(connection)
        assert b"HTTP/1.1" not in rest


def test_a_last_answer_does_not_wait_for_long(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, head_s=0.2) as (_, address), connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n" + _LAST)
        assert read_all(connection).count(b"HTTP/1.1") == 1


def test_a_client_that_leaves_leaves_all_its_requests(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with _serving(loop_factory) as (app, address):
        with connect(address) as connection:
            connection.sendall(b"GET /leave HTTP/1.1\r\nHost: x\r\n\r\n" + _GET + b"\r\n")
            assert app.asked.acquire(timeout=30)
        assert app.left.acquire(timeout=10)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_answer_that_is_not_read_is_dropped(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, answer_s=0.2) as (_, address), connect(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        reset = select.poll()
        reset.register(connection, 0)  # only POLLHUP and POLLERR
        assert reset.poll(30_000)
        assert len(read_all(connection)) < _UNREAD_BYTES


def test_a_large_answer_reaches_a_client_that_reads(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n" + _LAST)
        assert len(read_all(connection)) > _UNREAD_BYTES


def test_websockets_do_not_take_a_connection_over(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(
            _GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "hosts",
    [b"", b"Host: x\r\nHost: x\r\n", b"Host: a b\r\n", b"Host: a/b\r\n", b"Host: a@b\r\n", b"Host: \xff\r\n"],
    ids=["none", "two", "space", "path", "user", "no ASCII"],
)
def test_a_request_has_one_valid_host(loop_factory: LoopFactory, hosts: bytes) -> None:
    with _serving(loop_factory) as (app, address), connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + hosts + _LAST)
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"one valid Host" in answer
        assert not app.asked.acquire(blocking=False)


@pytest.mark.parametrize("head", [b"1.0\r\n", b"1.1\r\nHost:\r\n", b"1.1\r\nHost: [::1]:8000\r\n"])
def test_a_host_may_be_empty_and_missing_in_http_1_0(loop_factory: LoopFactory, head: bytes) -> None:
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(b"GET / HTTP/" + head + _LAST)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", [b"/", b"/pieces"])
def test_http_1_0_has_no_chunks(loop_factory: LoopFactory, path: bytes) -> None:
    with _serving(loop_factory) as (_, address), connect(address) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert (body, b"connection: close" in head, b"transfer-encoding" in head) == (b"xxxx", True, False)


#: The fields that the HTTP client of Java 11 and later sends with each request, and `curl --http2`.
_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n"
_HIDDEN = _GET + b"\r\n"


@pytest.mark.parametrize("body", [_HIDDEN, b"a" * 300_000], ids=["like a request", "large"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("pieces", [1, 2], ids=["at once", "after the head"])
@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"], ids=["one line", "two lines"])
def test_an_offer_of_http_2_keeps_its_body(
    loop_factory: LoopFactory, body: bytes, is_chunked: bool, pieces: int, more: bytes
) -> None:
    length = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(body)
    head = b"POST /body HTTP/1.1\r\nHost: x\r\n" + _OFFER + more + length + b"\r\n\r\n"
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
    with _serving(loop_factory) as (app, address), connect(address) as connection:
        if pieces == 1:
            connection.sendall(head + sent)
        else:
            connection.sendall(head)
            assert app.asked.acquire(timeout=30)
            connection.sendall(sent)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert app.received == body
        # The connection goes on, with one answer for each request.
        connection.sendall(_GET + _OFFER + b"\r\n" + _GET + _LAST)
        assert read_all(connection).count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("target", [b"x:80", b"/body"])
@pytest.mark.parametrize("offer", [b"", _OFFER], ids=["plain", "offer"])
def test_connect_is_refused(loop_factory: LoopFactory, target: bytes, offer: bytes) -> None:
    with _serving(loop_factory) as (app, address), connect(address) as connection:
        connection.sendall(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 2\r\n\r\n{}")
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
        assert not app.asked.acquire(blocking=False)


def test_an_address_is_a_network_in_ipv6() -> None:
    assert network("192.0.2.1") == network("::ffff:192.0.2.1") != network("192.0.2.2")
    assert network("2001:db8::1") == network("2001:db8::ffff:1%eth0") != network("2001:db8:0:1::1")
    assert network("") == ""


def test_an_answer_may_leave_the_count_until_it_ends(loop_factory: LoopFactory) -> None:
    with _serving(loop_factory, max_total=2, max_per_address=2) as (app, address), contextlib.ExitStack() as stack:
        uncounted = [_start_waiting(app, address, stack, b"/uncounted", b"\r\n") for _ in range(4)]
        counted = _start_waiting(app, address, stack)
        assert b" 200 " in _ask(address)
        app.go.set()
        for connection in uncounted:
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert read_all(counted).startswith(b"HTTP/1.1 200 ")
        app.go.clear()
        # They are kept alive, and count again, so there are at most two of them.
        assert b" 200 " in _ask(address)
        eventually_sync(lambda: sum(_is_closed(connection) for connection in uncounted) >= 2, what="two are closed")


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    try:
        while connection.recv(1000):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False
