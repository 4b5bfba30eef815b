"""This front door: its paths, the tokens of its clients, and its errors."""

import re
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from api_service.doors.door import Door
from api_service.doors.judge0 import configuration, server, submissions
from api_service.doors.judge0.access import key_of
from api_service.doors.judge0.statistics import Statistics
from api_service.http.problems import Kind, Problem, cut
from api_service.services import Services

#: The first parts of Judge0's paths.
_PARTS: Final = frozenset(
    {"submissions", "languages", "statuses", "about", "version", "isolate", "license", "config_info", "system_info"}
    | {"workers", "statistics", "authenticate", "authorize"}
)
#: The path of our page, which only browsers open. Judge0's tokens look different.
_PAGE: Final = re.compile(r"/submissions/[0-9]+/?")
_OWN_FIELDS: Final = re.compile(rb"(x-auth-token|x-auth-user|x-rapidapi-key|x-rapidapi-host)$|x-judge0-")


def open_door(services: Services) -> Door:
    """Return this door. Raises `ConfigurationError` for a `judge0.conf` that is wrong."""
    state = {
        "statistics": Statistics(services.database),
        "configuration": configuration.read(services.settings.judge0_conf),
    }
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    return Door(
        [submissions.router, server.router],
        path_of=_path_of,
        key_of=key_of,
        render=_refusal,
        own_fields=_OWN_FIELDS,
        middleware=[cors],
        state=state,
    )


def _path_of(scope: Scope) -> str | None:
    """Return the path without slashes at its end; None if it is not Judge0's, or if it is our page."""
    path: str = scope["path"]
    if path.split("/")[1:2] == [] or path.split("/")[1] not in _PARTS:
        return None
    is_page = _PAGE.fullmatch(path) and "text/html" in Headers(scope=scope).get("accept", "")
    return None if is_page else path.rstrip("/")


def _refusal(request: Request, problem: Problem) -> Response:
    """Return the answer of a problem: a JSON object with the text in `error`, or an empty body."""
    status = problem.kind.status
    if problem.kind is Kind.NOT_FOUND:
        if request.headers.get("Accept") == "application/json":
            return JSONResponse({"status": 404, "error": "Not Found"}, HTTPStatus.NOT_FOUND)
        return Response(status_code=status)
    if problem.kind is Kind.UNAUTHENTICATED or not problem.detail:
        return Response(status_code=status, headers=problem.headers)
    return JSONResponse({"error": cut(problem.detail)}, status, problem.headers)
