"""The application of this front door: its paths, its errors, and the checks of every request."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.dependencies import Services
from api_service.holds import Holds
from api_service.piston.errors import PistonError, message
from api_service.piston.routes import router
from api_service.piston.settings import PistonSettings
from api_service.problems import Problem, add_failure_handlers
from shared.http_bodies import Refuse

PATH: Final = "/api/v2"
#: The paths of the public service began with this.
_PUBLIC: Final = "/piston"
_JSON: Final = "application/json"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def add_to(app: FastAPI, services: Services, settings: PistonSettings) -> None:
    """Let the app serve this front door under its path."""
    door = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "operation_spans": False, "logs": False},
    )
    door.state.services, door.state.settings = services, settings
    most, most_of_key = settings.piston_sessions, (settings.piston_sessions + 1) // 2
    door.state.sessions = Holds(
        most,
        most_of_key,
        refusal="Too many interactive jobs run; try again in a moment.",
        refusal_of_key=f"{most_of_key} interactive jobs of this key run; end one of them, or try again later.",
    )
    door.include_router(router)
    door.add_exception_handler(PistonError, _piston_error)
    door.add_exception_handler(Problem, _problem)
    door.add_exception_handler(HTTPException, _http)
    add_failure_handlers(door, message)
    app.mount(PATH, _Manners(door))


def refusing(others: Refuse) -> Refuse:
    """Return a function that refuses bodies: with a `message` below this front door's path, elsewhere by `others`."""

    def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> ASGIApp:
        ours, theirs = message(status, sentence, headers), others(status, sentence, headers)

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            await (ours if scope["path"].startswith(f"{PATH}/") else theirs)(scope, receive, send)

        return respond

    return refuse


class _Manners:
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
            sentence = f"requests must be of type {_JSON}"
            await message(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _piston_error(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, PistonError)
    return message(exc.status, exc.message)


async def _problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    is_of_request = exc.status in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT)
    return message(HTTPStatus.BAD_REQUEST if is_of_request else exc.status, exc.detail, exc.headers)


async def _http(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    if exc.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return message(HTTPStatus.NOT_FOUND, "Not Found")
    return message(HTTPStatus(exc.status_code), str(exc.detail), exc.headers)
