"""Refusals as Judge0's clients get them: a JSON object with the text in `error`, or an empty body."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api_service.problems import Problem, add_failure_handlers, cut
from api_service.v1.problems import V1Problem


class Refused(Exception):
    """A request that is refused with this text as `error`."""

    def __init__(self, status: HTTPStatus, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class NotFound(Exception):
    """There is nothing at the path that this sender may see."""


class Forbidden(Exception):
    """The sender has no authorization for the call."""


def add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(V1Problem, _v1_problem)
    add_failure_handlers(app, refusal)


def refusal(status: HTTPStatus, error: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": cut(error)}, status, headers)


async def _refused(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, Refused)
    return refusal(exc.status, exc.error)


async def _not_found(request: Request, _: Exception) -> Response:
    if request.headers.get("Accept") == "application/json":
        return JSONResponse({"status": 404, "error": "Not Found"}, HTTPStatus.NOT_FOUND)
    return Response(status_code=HTTPStatus.NOT_FOUND)


async def _forbidden(_: Request, __: Exception) -> Response:
    return Response(status_code=HTTPStatus.FORBIDDEN)


async def _problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    if exc.status is HTTPStatus.UNAUTHORIZED:
        return Response(status_code=exc.status, headers=exc.headers)
    return refusal(exc.status, exc.detail, exc.headers)


async def _v1_problem(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, V1Problem)
    return refusal(exc.kind.status, exc.detail, exc.headers)
