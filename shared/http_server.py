"""Serves an ASGI application until the stop event: uvicorn, with the process's signals left to `shared.lifecycle`."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from shared.errors import ConfigurationError
from shared.readiness import notify_ready


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, tell_readiness: bool) -> None:
        super().__init__(config)
        self._tell_readiness = tell_readiness

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._tell_readiness:
            notify_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int, *, setting: str) -> socket.socket:
    """A bound socket; `ConfigurationError` names `setting` when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as exc:
        raise ConfigurationError(f"cannot listen on {host}:{port} ({exc.strerror or exc}): set {setting}") from exc
    return listening


async def serve_http(
    app: ASGIApp, listening: socket.socket, stop: asyncio.Event, *, grace_seconds: int = 5, tell_readiness: bool = True
) -> None:
    """Serve until `stop`, then let the requests under way finish for `grace_seconds`.

    `tell_readiness`: this is what the process is for, so it is ready once this answers.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        # Addresses and inputs travel in query strings: they stay out of the logs.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=grace_seconds,
    )
    server = _Server(config, tell_readiness=tell_readiness)

    async def exit_on_stop() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.create_task(exit_on_stop())
    try:
        await server.serve(sockets=[listening])
        if not stop.is_set():
            raise RuntimeError("the HTTP server ended by itself")
    finally:
        watching.cancel()
