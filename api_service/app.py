"""The FastAPI application: routes, limits of bodies, and problem documents."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service import web
from api_service.classic.openapi import DESCRIPTION, TAGS
from api_service.classic.routes import classic, docs, files, health
from api_service.doors.door import Door, open_doors
from api_service.errors import WITHOUT_KEY, is_v1, make_app
from api_service.http.errors import ApiError, Kind
from api_service.http.request_log import RequestLog
from api_service.http.trailing_slash import TrailingSlash
from api_service.problems.body import FORM_BYTES
from api_service.requests.openapi import TAGS as V1_TAGS
from api_service.requests.port import ServicesPort
from api_service.services import Services
from api_service.v1.middleware import V1Middleware
from api_service.v1.router import router as v1_router
from shared.common.http.bodies import BodyLimits, BoundedBodies, Refuse
from shared.common.version import VERSION

#: The paths whose bodies are read before their sender is known, and the most bytes of each; 0 is the usual bound.
_READ_FROM_STRANGERS: Final = {
    web.SEND: 0, web.LOG_IN: 8 << 10, web.PROBLEMS: 8 << 10, **dict.fromkeys(WITHOUT_KEY, 256 << 10)
}  # fmt: skip
#: The most seconds for the whole of a body, of a package, and of such a body.
_BODY_SECONDS: Final = 20.0
_PACKAGE_SECONDS: Final = 600.0
_STRANGER_SECONDS: Final = 10.0


class _Port(ServicesPort):
    def tool_server(self, wait_s: float) -> Any:
        """Return the server of the tools for agents, whose library not every server has."""
        from api_service.agent_tools.api import tool_server

        return tool_server(self.services, wait_s)


def create_app(services: Services) -> FastAPI:
    """Return the application. Raises `ConfigurationError` for a wrong setting of a front door that is open."""
    app = make_app(
        web.answer,
        title="Precieux",
        summary="Post a program, its input and an e-mail address; it runs in a sandbox and the result is mailed.",
        description=DESCRIPTION,
        version=VERSION,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=[*V1_TAGS, *TAGS],
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    # They are tried in turn, so those that are used most come first.
    routers = [classic.router, v1_router, *(routes.router for routes in (docs, files, health))]
    routers += (*web.ALWAYS, *web.PAGES) if services.settings.web else web.ALWAYS
    paths = []
    for router in routers:
        app.include_router(router)
        paths += [route.path for route in router.routes if isinstance(route, Route) and "{" not in route.path]
    settings, logged = services.settings, ["/v1"]
    doors = open_doors(app, _Port(services))
    for door in doors:
        logged += door.logged

    def waits_for_memory(scope: Scope) -> bool:
        return any(door.waits_for_memory and door.has(scope) for door in doors)

    limits = BodyLimits(settings.largest_body_bytes, whole_s=_BODY_SECONDS)
    app.add_middleware(
        BoundedBodies,
        limits=limits,
        by_path={
            path: BodyLimits(size or limits.max_bytes, whole_s=_STRANGER_SECONDS)
            for path, size in _READ_FROM_STRANGERS.items()
        },
        # They are written to files.
        uploads=(
            lambda scope: scope["method"] == "PUT" and scope["path"].startswith("/v1/problems/"),
            BodyLimits(settings.max_package_bytes + FORM_BYTES, whole_s=_PACKAGE_SECONDS),
        ),
        budget=services.body_memory.budget,
        refuse=_refusing(doors),
        # API v1 first answers 401, 403, 404 and 405.
        is_late=lambda scope: (
            is_v1(scope["path"])
            or waits_for_memory(scope)
            or any(door.bodies_last and door.has(scope) for door in doors)
        ),
        is_patient=waits_for_memory,
    )
    app.add_middleware(V1Middleware)
    app.add_middleware(TrailingSlash, paths=paths)
    # Added last, so it is the outermost, and counts refused requests too.
    app.add_middleware(RequestLog, logged=tuple(logged))
    return app


def _refusing(doors: Sequence[Door]) -> Refuse:
    """Return what refuses bodies: the door that has the path makes the answer, or the API itself."""

    def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> ASGIApp:
        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            render = next((door.render for door in doors if door.has(scope)), web.answer)
            problem = ApiError(Kind.of(status), sentence, headers=headers)
            await render(Request(scope), problem)(scope, receive, send)

        return respond

    return refuse
