"""The HTTP server sets no timers between requests, dates its answers, and answers each request for a WebSocket."""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from shared.common.http import bounded_protocol, server
from shared.common.http.connections import ConnectionLimits
from shared.common.http.server import listening_socket, serve_http
from shared.common.service.errors import ConfigurationError

_GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
_UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


_HEAD_S = 0.2


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/long":
            await asyncio.sleep(2 * _HEAD_S)
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@contextlib.asynccontextmanager
async def _serving(
    monkeypatch: pytest.MonkeyPatch, limits: ConnectionLimits | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Yield the address of a server that is ready. It stops after the block."""
    ready, stop = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(server, "notify_ready", ready.set)
    with contextlib.closing(listening_socket("127.0.0.1", 0, setting="nothing")) as listening:
        task = asyncio.create_task(serve_http(_app, listening, stop, limits=limits, message_bytes=1000))
        await ready.wait()
        yield listening.getsockname()
        stop.set()
        await task


async def _head(address: tuple[str, int], request: bytes) -> str:
    """Return the head of the answer."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.decode()


async def _answers(address: tuple[str, int], request: bytes) -> bytes:
    """Return all that comes until the server closes the connection."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        answers = await reader.read()
        writer.close()
    return answers


async def test_a_server_without_requests_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def record(delay: float, callback: Callable[..., Any], *args: Any, **options: Any) -> asyncio.TimerHandle:
        delays.append(delay)
        return call_later(delay, callback, *args, **options)

    monkeypatch.setattr(loop, "call_later", record)
    async with _serving(monkeypatch):
        for _ in range(10):
            await asyncio.sleep(0)
        assert delays == []


@pytest.mark.parametrize("fields", [b"Connection: close\r\n", _UPGRADE], ids=["http", "websocket"])
async def test_each_answer_has_the_date(monkeypatch: pytest.MonkeyPatch, fields: bytes) -> None:
    now = 1.9
    monkeypatch.setattr(bounded_protocol, "time", SimpleNamespace(time=lambda: now))
    async with _serving(monkeypatch) as address:
        assert "\r\ndate: Thu, 01 Jan 1970 00:00:01 GMT\r\n" in await _head(address, _GET + fields + b"\r\n")
        now = 86400.0
        assert "\r\ndate: Fri, 02 Jan 1970 00:00:00 GMT\r\n" in await _head(address, _GET + fields + b"\r\n")


def test_an_address_that_is_in_use_leaves_no_socket_open() -> None:
    with contextlib.closing(listening_socket("127.0.0.1", 0, setting="nothing")) as first:
        first.listen()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(ConfigurationError, match="set nothing"):
                listening_socket("127.0.0.1", first.getsockname()[1], setting="nothing")
            gc.collect()
    assert [str(one.message) for one in caught] == []


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" + _UPGRADE + b"\r\n{}",
        _GET + b"Content-Length: 2\r\n" + _UPGRADE + b"\r\n",
        _GET + b"Transfer-Encoding: chunked\r\n" + _UPGRADE + b"\r\n0\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n" + _UPGRADE + b"\r\n",
        _GET + b"A: " + b"a" * 9000 + b"\r\n" + _UPGRADE + b"\r\n",
    ],
    ids=["POST", "length", "chunked", "long path", "long field"],
)
async def test_a_websocket_that_cannot_be_opened_is_refused(monkeypatch: pytest.MonkeyPatch, request_: bytes) -> None:
    async with _serving(monkeypatch) as address:
        answer = await _answers(address, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"GET without a body" in answer


async def test_a_websocket_may_last_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _serving(monkeypatch, ConnectionLimits(head_s=_HEAD_S)) as address, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(_GET.replace(b"/ ", b"/long ", 1) + _UPGRADE + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await reader.readexactly(4) == b"\x88\x02\x03\xe8"  # the close of the WebSocket, code 1000
        writer.close()


async def test_a_refused_websocket_has_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = _UPGRADE.replace(b"Version: 13", b"Version: 12")
    async with _serving(monkeypatch) as address:
        assert (await _answers(address, _GET + wrong + b"\r\n")).count(b"HTTP/1.1") == 1


async def test_a_websocket_behind_a_request_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offered behind a request that is under way, it is an ordinary request."""
    requests = _GET + b"\r\n" + _GET + _UPGRADE + b"\r\n" + _GET + b"Connection: close\r\n\r\n"
    async with _serving(monkeypatch) as address:
        assert (await _answers(address, requests)).count(b"HTTP/1.1 200 ") == 3
