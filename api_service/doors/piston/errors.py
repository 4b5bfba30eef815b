"""The errors of this front door. Piston answers all of them with an object that has only `message`."""

from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from api_service.http.problems import Kind, Problem, cut

_BAD_REQUEST = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT)


def message(_: HTTPConnection, problem: Problem) -> JSONResponse:
    """Return the answer of a problem."""
    status = problem.kind.status
    return JSONResponse(
        {"message": cut(problem.detail)}, HTTPStatus.BAD_REQUEST if status in _BAD_REQUEST else status, problem.headers
    )


async def of_http(_: HTTPConnection, exc: HTTPException) -> Problem:
    """Return the problem of an error of the framework, such as a path without a route."""
    kind = Kind.of(exc.status_code)
    if kind in (Kind.NOT_FOUND, Kind.METHOD_NOT_ALLOWED):
        return Problem(Kind.NOT_FOUND, "Not Found")
    return Problem(kind, str(exc.detail), headers=exc.headers)
