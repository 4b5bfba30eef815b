"""Errors as clients get them: problem documents (RFC 9457), whose `detail` says what happened and what to do next.

The original system's own errors keep their body, which has only `detail`.
"""

from collections.abc import Callable, Mapping
from http import HTTPMethod, HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from shared.errors import TransientError
from shared.logging import get_logger

log = get_logger(__name__)

#: Makes an answer from its status, its sentence and its header fields.
Answer = Callable[[HTTPStatus, str, Mapping[str, str] | None], Response]

_CLIENT_GONE: Final = 499  # as nginx logs a client that has closed the connection
_MEDIA_TYPE: Final = "application/problem+json"
#: Replacements for those messages of pydantic that do not say what to do, or mention Python.
_MESSAGES: Final = {
    "missing": "it is missing; send it with the request.",
    "extra_forbidden": "there is no such parameter; GET /docs lists the parameters.",
    "string_pattern_mismatch": "it has a character that is not allowed; GET /docs says which are allowed.",
    "greater_than_equal": "it must be at least {ge}.",
    "less_than_equal": "it must be at most {le}.",
    "int_parsing_size": "it has too many digits; send a smaller number.",
    "too_short": "its length must be at least {min_length}.",
    "too_long": "its length must be at most {max_length}.",
    "string_too_short": "its length must be at least {min_length}.",
    "string_too_long": "its length must be at most {max_length}.",
}
_OUR_ERROR: Final = (
    "This server failed, and has logged the error. Try again in a moment; if it fails again, inform the operator."
)
#: Says that an allocation failed.
NO_MEMORY: Final = "This server has too little memory for this request now; try again in a few seconds, or send less."
#: Says that a database, broker or store is missing.
UNAVAILABLE: Final = "A dependency is temporarily unavailable and nothing was stored; try again in a few seconds."
#: The header field that belongs to a status, what it says, and its schema in OpenAPI.
_HEADERS: Final[dict[int, tuple[str, str, dict[str, Any]]]] = {
    401: ("WWW-Authenticate", "The required scheme: `Bearer` (RFC 6750).", {"type": "string"}),
    415: ("Accept", "The required media type, unless it was the coding that is not supported.", {"type": "string"}),
    429: ("Retry-After", "The seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
    503: ("Retry-After", "The seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
}


#: The characters of each text in an error. A longer one repeats what was sent, which the sender knows.
_LONGEST: Final = 1000


def cut(text: str) -> str:
    """Return a text for an error, without most of it if it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class ProblemDocument(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"}, examples=["about:blank"])]
    title: Annotated[str, Field(description="The name of the status.", examples=["Unprocessable Entity"])]
    status: Annotated[int, Field(ge=400, le=599, description="The status of the answer.", examples=[422])]
    detail: Annotated[
        str,
        Field(
            description="What happened, and what to do next.",
            examples=["language: it must be one of py, java, cpp, c, or one of their usual names."],
        ),
    ]


class Problem(Exception):
    """A request that cannot be served. `detail` says what happened, and what its sender can do next.

    `field` is the field of a submission that is not valid.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None, *, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.field = field


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document as an answer."""
    return JSONResponse(
        {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": cut(detail)},
        status_code=status,
        headers=headers,
        media_type=_MEDIA_TYPE,
    )


def problem_responses(meanings: Mapping[HTTPStatus, str]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses that are problem documents, from the meaning of each status."""
    return {
        status.value: {
            "description": meaning,
            "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
            **response_headers(status),
        }
        for status, meaning in meanings.items()
    }


def response_headers(status: HTTPStatus) -> dict[str, Any]:
    """Return the header field that belongs to a status, for its OpenAPI response."""
    if status not in _HEADERS:
        return {}
    name, description, schema = _HEADERS[status]
    is_required = status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return {"headers": {name: {"description": description, "required": is_required, "schema": schema}}}


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    add_failure_handlers(app, problem)


def add_failure_handlers(app: FastAPI, answer: Answer) -> None:
    """Let `answer` make the answers for failures that no client has caused, and log them."""

    async def unavailable(request: Request, exc: Exception) -> Response:
        log.warning("request.unavailable", path=request.url.path, error=str(exc))
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE, {"Retry-After": "5"})

    async def crashed(request: Request, exc: Exception) -> Response:
        log.error("request.crashed", path=request.url.path, exc_info=exc)
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, _OUR_ERROR, None)

    async def out_of_memory(request: Request, _: Exception) -> Response:
        log.warning("request.out_of_memory", path=request.url.path)
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, NO_MEMORY, {"Retry-After": "5"})

    app.add_exception_handler(TransientError, unavailable)
    app.add_exception_handler(MemoryError, out_of_memory)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, crashed)


async def _problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    return problem(exc.status, exc.detail, exc.headers)


async def _invalid(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    # A location is the part of the request, the parameter's name and perhaps the name of a pydantic type.
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
        return problem(status, "There is nothing at this path; GET / lists what this server offers.")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(allowed_methods(request))
        detail = f"This path does not support {request.method}; send {methods}. GET /docs describes the calls."
        return problem(status, detail, {"Allow": methods})
    return problem(status, str(exc.detail), dict(exc.headers) if exc.headers else None)


def allowed_methods(request: Request) -> list[str]:
    """Return the methods of the request's path. Starlette's own error has only those of the first route."""
    routes = request.app.routes
    return [
        method.value
        for method in HTTPMethod
        if any(route.matches({**request.scope, "method": method.value})[0] is Match.FULL for route in routes)
    ]


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)
