"""Gives every request an id, and counts, times and logs its answer.

Answers are named by route, not by path: clients can send any number of different paths, and paths contain addresses
and signatures.
"""

import re
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.http.errors import REQUEST_ID, REQUEST_ID_FIELD
from shared.common.service import metrics
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_VALID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: FastAPI's routes do not know the prefix of a router that includes theirs.
_PREFIX: Final = "/v1"


class RequestLog:
    """ASGI middleware: the id is the client's `X-Request-Id` if that is valid, otherwise a new one.

    The answer and all log records about the request carry it. All answers are counted and timed, also those to refused
    requests, and those to paths that begin with one of `logged` are logged. A GET that succeeds is at level DEBUG.
    """

    def __init__(self, app: ASGIApp, logged: tuple[str, ...]) -> None:
        self._app = app
        self._logged = logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = Headers(scope=scope).get(REQUEST_ID_FIELD, "")
        request_id = scope[REQUEST_ID] = chosen if _VALID.fullmatch(chosen) else uuid.uuid4().hex
        is_logged = scope["path"].startswith(self._logged)
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(raw=message.setdefault("headers", []))[REQUEST_ID_FIELD] = request_id
            await send(message)

        # It is not unbound, because an error is logged further out. Each request has a task and a context of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds, route = time.perf_counter() - started, _route_of(scope)
            metrics.HTTP_REQUESTS.labels(route, status).inc()
            metrics.HTTP_SECONDS.labels(route).observe(seconds)
            if is_logged:
                milliseconds = round(seconds * 1000, 1)
                # A client that polls would fill the log.
                write = log.debug if scope["method"] == "GET" and status < 400 else log.info
                write("request.answered", method=scope["method"], route=route, status=status, ms=milliseconds)


def _route_of(scope: Scope) -> str:
    """Return the path of the route that served a request, with the names of its parameters; "none" without a route."""
    path: str = getattr(scope.get("route"), "path", "none")
    prefix = _PREFIX if scope["path"].startswith(f"{_PREFIX}/") else ""
    return path if path == "none" else prefix + path.removeprefix(prefix)
