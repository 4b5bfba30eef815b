"""Errors as clients see them: problem documents (RFC 9457) whose `detail` is one sentence that says what to change.

The classic calls' own errors keep their original body, which is `{"detail": ...}` and nothing else.
"""

from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp

from shared.errors import TransientError
from shared.logging import get_logger

log = get_logger(__name__)

_CLIENT_GONE: Final = 499  # no client reads it; nginx's number for the access log


_MEDIA_TYPE: Final = "application/problem+json"
#: Sentences in place of those of pydantic that do not say what to do, or speak of Python.
_MESSAGES: Final = {
    "missing": "it is missing; send it with the request.",
    "extra_forbidden": "there is no such parameter; GET /docs names those that there are.",
    "string_pattern_mismatch": "it has a character that is not allowed; GET /docs says which are.",
    "greater_than_equal": "it must be at least {ge}.",
    "less_than_equal": "it must be at most {le}.",
    "int_parsing_size": "it has too many digits; send a smaller number.",
    "too_short": "its length must be at least {min_length}.",
    "too_long": "its length must be at most {max_length}.",
    "string_too_short": "its length must be at least {min_length}.",
    "string_too_long": "its length must be at most {max_length}.",
}
_OUR_ERROR: Final = (
    "An error of this server, which has logged it. Try again in a moment; if it stays, tell the server's operator."
)
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "The seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
#: The header fields that belong to a status, as OpenAPI describes them.
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {
        "WWW-Authenticate": {
            "description": "The scheme that is wanted: `Bearer` (RFC 6750).",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    415: {
        "Accept": {
            "description": "The media type that is wanted.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


class ProblemDocument(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"}, examples=["about:blank"])]
    title: Annotated[str, Field(description="The name of the status.", examples=["Unprocessable Entity"])]
    status: Annotated[int, Field(ge=400, le=599, description="The status of the answer.", examples=[422])]
    detail: Annotated[
        str,
        Field(
            description="A sentence that says what happened, and what to do next.",
            examples=["language: it must be one of py, java, cpp, c, or one of their usual names."],
        ),
    ]


class Problem(Exception):
    """A request that cannot be served: `status` is a 4xx, `detail` a sentence for its sender."""

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(
        {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail},
        status_code=status,
        headers=headers,
        media_type=_MEDIA_TYPE,
    )


def described(meanings: Mapping[HTTPStatus, str]) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says about problem documents: for each status, the description of its meaning."""
    return {
        status.value: {
            "description": meaning,
            "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, meaning in meanings.items()
    }


def refusal(status: HTTPStatus, detail: str, headers: Mapping[str, str]) -> ASGIApp:
    """Return the answer to a request that is refused before it reaches a route."""
    return problem(status, detail, headers)


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TransientError, _away)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _crashed)


async def _problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    return problem(exc.status, exc.detail, exc.headers)


async def _invalid(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    # What follows the parameter's name in a location is the name of a pydantic type.
    name = first["loc"][1] if len(first["loc"]) > 1 else "the request"
    if first["type"] in _MESSAGES:
        message = _MESSAGES[first["type"]].format(**first.get("ctx", {}))
    else:
        message = f"{first['msg'].removeprefix('Value error, ')}."
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {message}")


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    status = HTTPStatus(exc.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return problem(status, "There is nothing at this address: GET / says what this server has.")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(_methods(request))
        detail = f"There is no {request.method} here: send {methods}. GET /docs describes the calls."
        return problem(status, detail, {"Allow": methods})
    return problem(status, str(exc.detail), dict(exc.headers) if exc.headers else None)


def _methods(request: Request) -> list[str]:
    """Return the methods that the request's path has. Starlette would name those of the first route only."""
    routes = request.app.routes
    return [
        method.value
        for method in HTTPMethod
        if any(route.matches({**request.scope, "method": method.value})[0] is Match.FULL for route in routes)
    ]


async def _away(request: Request, exc: Exception) -> Response:
    log.warning("request.unavailable", path=request.url.path, error=str(exc))
    detail = "A part of this service is away for the moment and nothing was stored; try again in a few seconds."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _crashed(request: Request, exc: Exception) -> Response:
    log.error("request.crashed", path=request.url.path, exc_info=exc)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, _OUR_ERROR)
