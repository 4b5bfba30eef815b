"""The MCP server over HTTP: `POST /mcp`. The library answers, after the checks that are ours."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from api_service.agent_tools.settings import McpSettings
from api_service.doors.door import Door, Sender, bearer
from api_service.doors.port import Port
from api_service.http.errors import ApiError, Kind, cut
from api_service.http.json_text import MAX_STRUCTURE
from api_service.limits.holds import reserving
from shared.common.service.settings import load
from shared.common.text.json_structure import has_more_structure

PATH: Final = "/mcp"
#: The body was bounded before the library gets it.
_UNBOUNDED: Final = 1 << 40
_LOOPBACK: Final = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)

router = APIRouter()


class ToolsPort(Port, Protocol):
    """What this front door asks of the server beyond `Port`."""

    def tool_server(self, wait_s: float) -> Server[Any]:
        """Return the server of the tools. The state of its requests has their `principal` and `reserve`."""


def open_door(port: ToolsPort) -> Door:
    """Return this door. Raises `ConfigurationError` for a wrong setting."""
    settings = load(McpSettings)
    public = urlsplit(port.public_url)
    origins = settings.origins | {f"{public.scheme}://{public.netloc}"}

    def check(request: Request) -> None:
        """Raise `ApiError` for a page that may not call, against rebinding, or for another method."""
        if any(
            origin not in origins and not _LOOPBACK.fullmatch(origin) for origin in request.headers.getlist("Origin")
        ):
            raise ApiError(
                Kind.FORBIDDEN, "Pages of this origin may not call; the operator can add it to PRECIEUX_MCP_ORIGINS."
            )
        if request.method != "POST":
            raise ApiError(Kind.METHOD_NOT_ALLOWED, "Send POST; there is no other stream.", headers={"Allow": "POST"})

    return Door(
        [router],
        path_of=lambda scope: PATH if scope["path"] in (PATH, f"{PATH}/") else None,
        key_of=bearer,
        render=_error,
        check=check,
        logged=[PATH],
        bodies_last=True,
        state={"server": port.tool_server(settings.mcp_wait_seconds)},
    )


def _error(_: HTTPConnection, error: ApiError) -> JSONResponse:
    """Return the answer of a request that the library does not see."""
    content = {"jsonrpc": "2.0", "error": {"code": error.kind.status.value, "message": cut(error.detail)}}
    return JSONResponse(content, error.kind.status, error.headers)


async def _reserve(principal: Sender, request: Request) -> AsyncIterator[None]:
    # The arguments and what is reserved for the result are in memory until the answer is sent.
    with reserving(request.app.state.port.response_memory, principal) as request.state.reserve:
        request.state.principal = principal
        yield


@router.post(PATH, dependencies=[Depends(_reserve)])
async def exchange(request: Request) -> Response:
    body = await request.body()
    if has_more_structure(body, MAX_STRUCTURE):
        raise ApiError(Kind.TOO_LARGE, "The body has too many keys and values; send fewer in one request.")
    return _Exchange(request.app.state.server, body)


class _Exchange(Response):
    """The library's answer to one request, whose body was read."""

    def __init__(self, server: Server[Any], body: bytes) -> None:
        super().__init__()
        self._server = server
        self._message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_again() -> Message:
            message, self._message = self._message, None
            return message or await receive()

        # One for each request, so that no task outlives its request, and a service that stops ends none. With
        # `json_response` it would not notice that a client has gone.
        manager = StreamableHTTPSessionManager(self._server, stateless=True, max_request_body_size=_UNBOUNDED)
        # Blanks around a value are no part of it (RFC 9110, section 5.5); the parser leaves those at its end.
        scope = {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}
        async with manager.run():
            await manager.handle_request(scope, receive_again, send)
