"""The engine's client over real sockets: errors on the wire, and how runs spread over several engines."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from precieux.host.ports import free_ports
from shared.adapters.engine.codex_client import CodexClient
from shared.adapters.engine.settings import EngineSettings
from shared.common.service.errors import EngineAway, EngineCrashed, EngineUnavailable
from tests.waiting import eventually

BODY = json.dumps({"timeStamp": 1, "status": 200, "output": "42\n", "error": "", "language": "py", "info": ""}).encode()
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class CountingEngine:
    """Answers every run, and counts the runs and their connections."""

    def __init__(self) -> None:
        self.runs = 0
        self.connections = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            self.runs += 1
            await self.go_on.wait()
            close = b"connection: close\r\n" if b"connection: close" in head else b""
            writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (close, len(BODY), BODY))
            await writer.drain()
            if close:
                return


@asynccontextmanager
async def listening(answer: Answer, port: int, host: str = "127.0.0.1") -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    async with server:
        yield


@asynccontextmanager
async def client_of(url: str, timeout: float = 10) -> AsyncIterator[CodexClient]:
    client = CodexClient(EngineSettings(codex_url=url, codex_timeout=timeout))
    try:
        yield client
    finally:
        await client.close()


async def run(client: CodexClient) -> str:
    return (await client.run(code="print(42)", language="py", inputs="")).output


async def _nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    linger = struct.pack("ii", 1, 0)  # so that closing sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def run_program(client: CodexClient) -> None:
    async for _ in client.run_program(b"{}"):
        pass


@pytest.mark.parametrize(("call", "error"), [(run, EngineCrashed), (run_program, EngineAway)])
@pytest.mark.parametrize("answer", [_nothing, _half, _reset, _garbage, _silence, _drops])
async def test_only_a_run_that_may_have_begun_is_a_crash(
    answer: Answer, call: Callable[[CodexClient], Awaitable[object]], error: type[EngineUnavailable]
) -> None:
    """The CodeX call does not say when a run begins. Our own call does, by its first event."""
    (port,) = free_ports(1)
    # A busy machine may take half a second to break a connection.
    timeout = 0.5 if answer in (_silence, _drops) else 30
    async with listening(answer, port), client_of(f"http://127.0.0.1:{port}", timeout=timeout) as client:
        with pytest.raises(error):
            await call(client)


async def test_an_unavailable_engine_is_tried_again() -> None:
    (port,) = free_ports(1)
    async with client_of(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(EngineAway):
            await run(client)
    async with client_of("http://no-such-engine.invalid") as client:
        with pytest.raises(EngineAway):
            await run(client)


async def test_there_are_as_many_connections_as_runs_at_once() -> None:
    """aiohttp's default is 100; a run that waits for a connection would look slow."""
    engine = CountingEngine()
    engine.go_on.clear()
    (port,) = free_ports(1)
    async with listening(engine.answer, port), client_of(f"http://127.0.0.1:{port}") as client:
        runs = [asyncio.create_task(run(client)) for _ in range(120)]
        await eventually(lambda: engine.runs == 120)
        engine.go_on.set()
        assert await asyncio.gather(*runs) == ["42\n"] * 120


async def test_a_connection_is_used_again() -> None:
    engine = CountingEngine()
    (port,) = free_ports(1)
    async with listening(engine.answer, port), client_of(f"http://127.0.0.1:{port}") as client:
        for _ in range(100):
            await run(client)
    assert (engine.runs, engine.connections) == (100, 1)


async def test_engines_behind_one_name_share_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    (port,) = free_ports(1)

    def both(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        hosts = ("127.0.0.1", "127.0.0.2") if host == "engines.example.com" else (host,)
        return [address for each in hosts for address in resolve(each, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    engines = {"127.0.0.1": CountingEngine(), "127.0.0.2": CountingEngine()}
    async with (
        listening(engines["127.0.0.1"].answer, port, "127.0.0.1"),
        listening(engines["127.0.0.2"].answer, port, "127.0.0.2"),
        client_of(f"http://engines.example.com:{port}") as client,
    ):
        for _ in range(100):
            await asyncio.gather(*(run(client) for _ in range(8)))
    shares = Counter({name: engine.runs for name, engine in engines.items()})
    assert shares.total() == 800
    # Not half, since connections are dropped at random; httpx's own transport gives one engine all runs.
    assert min(shares.values()) >= 200
