"""The common parts of the front doors: their applications, slashes and HEAD, the keys of senders, and errors."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.access.principal import Principal, require
from api_service.doors.port import Port
from api_service.errors import Render, make_app
from api_service.http.errors import ApiError, Kind
from shared.common.service.errors import ConfigurationError
from shared.records.accounts.scopes import Scope as KeyScope

_WRONG_METHOD: Final = HTTPStatus.METHOD_NOT_ALLOWED
_UNROUTED: Final = (HTTPStatus.NOT_FOUND, _WRONG_METHOD)


@dataclass(frozen=True, slots=True)
class Door:
    """A front door. `state` is what its routes find in the state of their application.

    `path_of` returns the path at which the door routes a request; None if the request is not for this door. `check`
    raises `ApiError` for a request that is refused before its path is looked at. `key_of` returns the API key of a
    request, empty without one. `render` makes the answer of an error.

    `own_fields` matches the names of header fields of the door's clients. In protected mode, they would look like
    header fields of a proxy, and be refused. With `keys_are_habit`, a wrong key is ignored there, because the door's
    clients send one to every server. The requests under `logged` are logged. With `has_head`, the door has
    routes for HEAD; otherwise HEAD goes where GET goes. With `bodies_last`, a body is refused after all else
    was checked.

    With `needs_engine`, it cannot be opened without one: all that it does is to run programs.

    With `waits_for_memory`, bodies wait for memory in place of being refused, and are read when their sender is known.
    With `tells_methods`, a wrong method is answered by 405 and not by 404.
    """

    routers: Sequence[APIRouter]
    path_of: Callable[[Scope], str | None]
    key_of: Callable[[HTTPConnection], str]
    render: Render
    check: Callable[[Request], None] = lambda _: None
    own_fields: re.Pattern[bytes] = re.compile(b"(?!)")
    keys_are_habit: bool = False
    needs_engine: bool = False
    logged: Sequence[str] = ()
    has_head: bool = False
    bodies_last: bool = False
    middleware: Sequence[Middleware] = ()
    waits_for_memory: bool = False
    tells_methods: bool = False
    state: Mapping[str, Any] = field(default_factory=dict)

    def app(self, port: Port) -> FastAPI:
        """Return the application that answers the door's requests."""
        app = make_app(
            self.render,
            self._of_http,
            # An included router would match each request once more.
            routes=[route for router in self.routers for route in router.routes],
            middleware=self.middleware,
        )
        for name, value in {**self.state, "door": self, "port": port}.items():
            setattr(app.state, name, value)
        return app

    def without_own_fields(self, connection: HTTPConnection) -> HTTPConnection:
        """Return a request without the header fields of the door's clients."""
        fields = [(name, value) for name, value in connection.scope["headers"] if not self.own_fields.match(name)]
        return HTTPConnection({**connection.scope, "headers": fields})

    def has(self, scope: Scope) -> bool:
        return self.path_of(scope) is not None

    async def _of_http(self, _: Request, exc: HTTPException) -> ApiError:
        if exc.status_code in _UNROUTED and not (self.tells_methods and exc.status_code == _WRONG_METHOD):
            return ApiError(Kind.NOT_FOUND, "Not Found")
        return ApiError(Kind.of(exc.status_code), str(exc.detail), headers=exc.headers)


def open_doors(app: FastAPI, port: Port) -> list[Door]:
    """Let the app pass requests to the front doors that are open, and return them. The others are not loaded.

    Raises `ConfigurationError` for a wrong setting of a door, and for a door that lacks its extra or an engine.
    """
    doors: list[Door] = []
    for name in sorted(port.settings.doors):
        try:
            module = import_module(f"api_service.doors.{name}.app")
        except ModuleNotFoundError as exc:
            if exc.name != name:
                raise
            raise ConfigurationError(
                f"The front door `{name}` of PRECIEUX_FRONT_DOORS needs an extra: pip install 'precieux[{name}]'."
            ) from None
        door: Door = module.open_door(port)
        if door.needs_engine and port.settings.codex_url is None:
            raise ConfigurationError(f"The front door `{name}` needs the engine's address: set PRECIEUX_CODEX_URL.")
        app.add_middleware(DoorMiddleware, door=door, door_app=door.app(port))
        doors.append(door)
    return doors


@dataclass(frozen=True, slots=True)
class DoorMiddleware:
    """ASGI middleware that passes the requests of a front door to the door's application."""

    app: ASGIApp
    door: Door
    door_app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self.door.path_of(scope) if scope["type"] in ("http", "websocket") else None
        if path is None:
            await self.app(scope, receive, send)
            return
        scope["path"] = path
        # For HEAD a copy, because the server must know that the answer has no body.
        is_get = scope.get("method") == "HEAD" and not self.door.has_head
        served = {**scope, "method": "GET"} if is_get else scope
        try:
            if scope["type"] == "http":
                self.door.check(Request(scope))
            await self.door_app(served, receive, send)
        except ApiError as exc:
            await self.door.render(Request(scope), exc)(scope, receive, send)
        finally:
            scope["route"] = served.get("route")


# A coroutine, because FastAPI would run a plain function in a thread at every request.
async def port_of(request: Request) -> Any:
    return request.app.state.port


PortDep = Annotated[Port, Depends(port_of)]


def bearer(connection: HTTPConnection) -> str:
    """Return the API key of `Authorization: Bearer KEY`; empty without one."""
    scheme, _, key = connection.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def sender_of(connection: HTTPConnection, scope: KeyScope | None = None) -> Principal:
    """Return the sender of a request. Raises `ApiError`: 401, or 403 without this scope."""
    state = connection.app.state
    key = state.door.key_of(connection)
    if key and state.door.keys_are_habit and not await state.port.senders.keys_existed():
        key = ""
    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=key) if key else None
    seen = state.door.without_own_fields(connection)
    principal: Principal = await state.port.senders.principal(seen, credentials)
    if scope is not None:
        require(principal, scope)
    return principal


def is_local(request: HTTPConnection) -> bool:
    """Return True if a request is from the user that runs this server, on this machine, and no proxy forwarded it."""
    state = request.app.state
    return state.port.senders.why_not_local(state.door.without_own_fields(request)) is None


def _sender(scope: KeyScope | None) -> Any:
    async def find(connection: HTTPConnection) -> Principal:
        return await sender_of(connection, scope)

    return Depends(find)


Sender = Annotated[Principal, _sender(None)]
Submitter = Annotated[Principal, _sender(KeyScope.SUBMIT)]
Reader = Annotated[Principal, _sender(KeyScope.READ)]
