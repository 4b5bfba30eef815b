"""Gives every request an id, which its answer and all log records about it carry."""

import re
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.route_names import route_of
from shared.logging import get_logger

log = get_logger(__name__)

HEADER: Final = "X-Request-Id"
#: The key of the id in an ASGI scope.
SCOPE_KEY: Final = "request_id"
_VALID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """ASGI middleware: the id is the client's `X-Request-Id` if that is valid, otherwise a new one.

    Answers to paths that begin with one of `logged` are logged by route, not by path: paths contain addresses and
    signatures.
    """

    def __init__(self, app: ASGIApp, logged: tuple[str, ...]) -> None:
        self._app = app
        self._logged = logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = Headers(scope=scope).get(HEADER, "")
        request_id = scope[SCOPE_KEY] = chosen if _VALID.fullmatch(chosen) else uuid.uuid4().hex
        is_logged = scope["path"].startswith(self._logged)
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message.setdefault("headers", []))[HEADER] = request_id
            await send(message)

        # It is not unbound, because an error is logged further out. Each request has a task and a context of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if is_logged:
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log.info(
                    "request.answered", method=scope["method"], route=route_of(scope), status=status, ms=milliseconds
                )
