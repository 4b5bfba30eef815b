"""Serves an ASGI application by uvicorn until the stop event. `shared.common.service.lifecycle` handles the signals."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from shared.common.http.bounded_protocol import BoundedProtocol
from shared.common.http.connections import ConnectionLimits, Connections
from shared.common.service.errors import ConfigurationError
from shared.common.service.notify import notify_ready

#: Connections that the kernel may accept for us. asyncio takes as many at a time, so they need as many descriptors
#: before the first of them can be refused.
_BACKLOG: Final = 256


class _UvicornServer(uvicorn.Server):
    """A server that waits for `stop`. uvicorn's own looks ten times a second whether it should end (ADR 38).

    uvicorn's also renews the date of the answers then. Here `BoundedProtocol` does that.
    """

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event, *, report_ready: bool) -> None:
        super().__init__(config)
        self._stop = stop
        self._report_ready = report_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._report_ready:
            notify_ready()

    async def main_loop(self) -> None:
        await self._stop.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int, *, setting: str, is_shared: bool = False) -> socket.socket:
    """Return a bound socket. Raise `ConfigurationError`, which names `setting`, if the address cannot be used.

    The kernel spreads connections over all sockets of an address that `is_shared` (SO_REUSEPORT of socket(7)).
    """
    with contextlib.ExitStack() as opened:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = opened.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
            # Connections inherit it. Without it an answer's body waits 40 ms for the acknowledgement of its head.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind(address)
        except (OSError, UnicodeError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise ConfigurationError(f"cannot listen on {host}:{port} ({reason}): set {setting}") from exc
        opened.pop_all()
    return listening


async def serve_http(
    app: ASGIApp,
    listening: socket.socket,
    stop: asyncio.Event,
    *,
    limits: ConnectionLimits | None = None,
    grace_seconds: int = 5,
    report_ready: bool = True,
    message_bytes: int = 0,
) -> None:
    """Serve until `stop`, then let the requests under way finish for `grace_seconds`.

    With `report_ready`, the process reports that it is ready as soon as this server is. With `message_bytes`, it serves
    WebSockets, whose messages may have so many bytes. The application must bound the number of WebSockets.
    """
    protocol: Any = functools.partial(BoundedProtocol, Connections(limits or ConnectionLimits()))
    config = uvicorn.Config(
        app,
        http=protocol,
        # A WebSocket's protocol takes over the connection, and does not apply its bounds.
        ws="websockets-sansio" if message_bytes else "none",
        ws_max_size=message_bytes,
        ws_per_message_deflate=False,
        backlog=_BACKLOG,
        log_config=None,
        # Query strings hold addresses and inputs, which must not be logged.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=grace_seconds,
    )
    await _UvicornServer(config, stop, report_ready=report_ready).serve(sockets=[listening])
