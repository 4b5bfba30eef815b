"""An API behind a socket, because an ASGI client reads no streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from api_service.app import create_app
from api_service.events.streams import Streams
from api_service.services import Services
from shared.common.http.connections import ConnectionLimits
from shared.common.http.server import listening_socket, serve_http
from shared.common.service.lifecycle import run_loops
from tests.integration.api_service.conftest import ApiWith


@dataclass
class Served:
    """An API behind a socket, with the loops that streams need."""

    services: Services
    client: httpx.AsyncClient
    stop: asyncio.Event
    running: asyncio.Task[None]


@asynccontextmanager
async def serving(
    api_with: ApiWith,
    *,
    grace_seconds: int = 5,
    **how: Any,
) -> AsyncIterator[Served]:
    async with api_with(**how) as inner:
        transport: Any = inner._transport
        services: Services = transport.app.state.services
    streams = Streams(services.database, services.notifications, max_of_key=100, max_in_all=100)
    services = replace(services, streams=streams)
    listening = listening_socket("127.0.0.1", 0, setting="none")
    stop = asyncio.Event()
    app = create_app(services)
    loops = (
        services.notifications.run,
        services.streams.end_revoked,
        lambda stop: serve_http(
            app, listening, stop, limits=ConnectionLimits(), grace_seconds=grace_seconds, report_ready=False
        ),
    )
    running = asyncio.create_task(run_loops(loops, stop))
    host, port = listening.getsockname()[:2]
    client = httpx.AsyncClient(base_url=f"http://{host}:{port}", limits=httpx.Limits(max_connections=None))
    try:
        with services.notifications.watch(0) as connected:
            await connected.wait()
        yield Served(services, client, stop, running)
    finally:
        stop.set()
        await client.aclose()
        await asyncio.wait_for(running, 10)
        listening.close()
