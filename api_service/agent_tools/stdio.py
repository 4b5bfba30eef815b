"""The MCP server over stdio, for `precieux mcp`: with an engine of its own, or with another server behind it.

Standard output has messages alone, so all logs go to standard error.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any

import uvloop
from mcp.server.stdio import stdio_server

from api_service.agent_tools.server import Backend, Context, make_server
from api_service.agent_tools.settings import McpSettings
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load


def serve_engine(url: str, token: str, is_alive: Callable[[], bool]) -> None:
    """Serve until the end of standard input, with the engine of this address. It may still be starting."""
    _run("engine", lambda module: module.EngineBackend(url, token, is_alive))


def serve_server(url: str, key: str | None) -> None:
    """Serve until the end of standard input, with the server of this address behind the tools."""
    _run("forward", lambda module: module.ForwardBackend.of(url, key))


def _run(module: str, open_backend: Callable[[Any], Any]) -> None:
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_serve(f"{__package__}.{module}", open_backend))


async def _serve(module: str, open_backend: Callable[[Any], Any]) -> None:
    async def opened() -> Any:
        return open_backend(await asyncio.to_thread(import_module, module))

    async def backend_of(_: Context) -> Backend:
        backend: Backend = await asyncio.shield(opening)
        return backend

    configure_logging("mcp", load(LogSettings))
    # It loads most of the API, which takes longer than clients may wait for the first answer.
    opening = asyncio.ensure_future(opened())
    server = make_server(backend_of, wait_s=load(McpSettings).mcp_wait_seconds)
    try:
        async with stdio_server() as (messages, answers):
            await server.run(messages, answers, server.create_initialization_options())
    finally:
        await (await opening).close()
