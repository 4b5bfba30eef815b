"""The application of this front door: its paths, its errors, and the checks of every request."""

from typing import Final

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.doors.door import door_app
from api_service.doors.piston.errors import message, of_http
from api_service.doors.piston.routes import router
from api_service.doors.piston.settings import PistonSettings
from api_service.http.problems import Kind, Problem
from api_service.limits.holds import ConcurrencyLimit
from api_service.services import Services

PATH: Final = "/api/v2"
#: Interactive jobs that a process runs at once. Each needs two open files.
_MAX_SESSIONS: Final = 32
#: The paths of the public service began with this.
_PUBLIC: Final = "/piston"
_JSON: Final = "application/json"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def add_to(app: FastAPI, services: Services, settings: PistonSettings) -> None:
    """Let the app serve this front door under its path."""
    door = door_app(services, [router], message, of_http)
    door.state.settings = settings
    door.state.sessions = ConcurrencyLimit(
        _MAX_SESSIONS,
        _MAX_SESSIONS // 2,
        refusal="Too many interactive jobs run; try again in a moment.",
        refusal_of_key=f"{_MAX_SESSIONS // 2} interactive jobs of this key run; end one of them, or try again later.",
    )
    app.mount(PATH, _PathMiddleware(door))


def is_piston(scope: Scope) -> bool:
    """Return True if a request is for this front door."""
    path: str = scope["path"]
    return path.startswith(f"{PATH}/")


class _PathMiddleware:
    """ASGI middleware that ignores a slash at the end of a path, and maps the public service's paths to ours.

    It refuses a request with a body that does not say that it is JSON. Piston checks that before the path.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(PATH).removesuffix("/")
        if path.startswith(f"{_PUBLIC}/"):
            path = path.removeprefix(_PUBLIC)
        scope["path"] = PATH + path
        content_type = Headers(scope=scope).get("content-type", "")
        if scope["type"] == "http" and scope["method"] not in _WITHOUT_BODY and not content_type.startswith(_JSON):
            problem = Problem(Kind.UNSUPPORTED_TYPE, f"requests must be of type {_JSON}")
            await message(Request(scope), problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)
