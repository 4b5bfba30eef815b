"""Errors as clients see them: problem documents (RFC 9457) whose `detail` is one sentence that says what to change.

The classic calls' own errors keep their original body, which is `{"detail": ...}` and nothing else.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from shared.errors import TransientError
from shared.logging import get_logger

log = get_logger(__name__)

_CLIENT_GONE: Final = 499  # no client reads it; nginx's number for the access log


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
        media_type="application/problem+json",
    )


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
    name = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {first['msg'].removeprefix('Value error, ')}.")


async def _http(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return problem(HTTPStatus(exc.status_code), str(exc.detail), dict(exc.headers) if exc.headers else None)


async def _away(request: Request, exc: Exception) -> Response:
    log.warning("request.unavailable", path=request.url.path, error=str(exc))
    detail = "A part of this service is away for the moment and nothing was stored; try again in a few seconds."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _crashed(request: Request, exc: Exception) -> Response:
    log.error("request.crashed", path=request.url.path, exc_info=exc)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "An error of ours; it was logged.")
