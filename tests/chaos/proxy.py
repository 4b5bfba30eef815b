"""A TCP proxy between the services and one dependency, which makes that dependency fail in several ways."""

import asyncio
import contextlib
import socket
import struct
import threading
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

_NONSENSE: Final = b"\x07nonsense, in no protocol\r\n\r\n" * 8
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_SLOWNESS: Final = 0.15  # s for each piece of data, in both directions


class Mode(StrEnum):
    PASS = "pass"
    #: Old and new connections are reset.
    REFUSE = "refuse"
    #: Connections stay open but carry nothing; the data arrive afterwards, as after a partition.
    HANG = "hang"
    SLOW = "slow"
    #: New connections are answered with senseless bytes, old ones are reset.
    NONSENSE = "nonsense"
    #: New connections are answered with HTTP 503, old ones are reset.
    BUSY = "503"
    #: Half of each piece of an answer arrives. Then the connection is reset.
    HALF = "half-written answers"


class Proxy:
    """Listens within `with`, and forwards to `target`, a port here or a unix socket, which may start later."""

    def __init__(self, target: int | Path, *, host: str = "127.0.0.1") -> None:
        self._target = target
        self._host = host
        self._mode = Mode.PASS
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._serve, self._host, 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._server.close()
            self._reset_all()
            serving = asyncio.all_tasks() - {asyncio.current_task()}
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, mode: Mode) -> None:
        """Change the behaviour at once; may be called from any thread."""

        def change() -> None:
            self._mode = mode
            if mode is Mode.HANG:
                self._flowing.clear()
            else:
                self._flowing.set()
            if mode in (Mode.REFUSE, Mode.NONSENSE, Mode.BUSY):
                self._reset_all()

        self._loop.call_soon_threadsafe(change)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._mode in (Mode.NONSENSE, Mode.BUSY):
                with contextlib.suppress(OSError):
                    await reader.read(1 << 16)
                    writer.write(_BUSY if self._mode is Mode.BUSY else _NONSENSE)
                    await writer.drain()
                    await asyncio.sleep(_SLOWNESS)  # the answer must arrive before the reset
            elif self._mode is not Mode.REFUSE:
                await self._forward(reader, writer)
        finally:
            self._writers.discard(writer)
            _reset(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        if (connection := await self._connect()) is None:
            return
        behind, target = connection
        self._writers.add(target)
        directions = ((reader, target, False), (behind, writer, True))
        pumps = [asyncio.ensure_future(self._pump(*direction)) for direction in directions]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers.discard(target)
            target.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        with contextlib.suppress(OSError):
            if isinstance(self._target, Path):
                return await asyncio.open_unix_connection(self._target)
            return await asyncio.open_connection("127.0.0.1", self._target)
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                if self._mode is Mode.SLOW:
                    await asyncio.sleep(_SLOWNESS)
                if self._mode is Mode.HALF and answers:
                    writer.write(data[: len(data) // 2])
                    return
                writer.write(data)
                await writer.drain()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.transport.is_closing():
        with contextlib.suppress(OSError):
            # Without lingering, closing resets the connection, so the other side learns it at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
