"""The application that answers Judge0's paths, and the middleware that passes requests to it."""

import re
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.doors.door import door_app
from api_service.doors.judge0 import configuration
from api_service.doors.judge0.errors import not_found, refusal
from api_service.doors.judge0.routes import creation, reading, server
from api_service.doors.judge0.statistics import Statistics

#: The first parts of Judge0's paths.
_PARTS: Final = frozenset(
    {"submissions", "languages", "statuses", "about", "version", "isolate", "license", "config_info", "system_info"}
    | {"workers", "statistics", "authenticate", "authorize"}
)
#: The path of our page, which only browsers open. Judge0's tokens look different.
_PAGE: Final = re.compile(r"/submissions/[0-9]+/?")


def add_to(app: FastAPI) -> None:
    """Let the app answer Judge0's calls. Middleware that is added later handles these requests first."""
    services = app.state.services
    # Fixed paths come before those with a token.
    door = door_app(services, [creation.router, reading.router, server.router], refusal, not_found)
    door.state.statistics = Statistics(services.database)
    door.state.configuration = configuration.read(services.settings.judge0_conf)
    door.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(Judge0Middleware, door=door)


class Judge0Middleware:
    """ASGI middleware that passes requests under Judge0's paths to `door`.

    A slash at the end makes no difference, and HEAD goes where GET goes.
    """

    def __init__(self, app: ASGIApp, door: ASGIApp) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_judge0(scope):
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["path"].rstrip("/")
        # For HEAD a copy, because the server must know that the answer has no body.
        served = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        try:
            await self._door(served, receive, send)
        finally:
            scope["route"] = served.get("route")


def is_judge0(scope: Scope) -> bool:
    """Return True if a request is for one of Judge0's paths, and not for our page."""
    path: str = scope["path"]
    if path.split("/")[1:2] == [] or path.split("/")[1] not in _PARTS:
        return False
    return not (_PAGE.fullmatch(path) and "text/html" in Headers(scope=scope).get("accept", ""))
