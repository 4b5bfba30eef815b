"""Refusals as Judge0's clients get them: a JSON object with the text in `error`, or an empty body."""

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api_service.http.problems import Kind, Problem, cut


def refusal(request: Request, problem: Problem) -> Response:
    """Return the answer of a problem."""
    status = problem.kind.status
    if problem.kind is Kind.NOT_FOUND:
        if request.headers.get("Accept") == "application/json":
            return JSONResponse({"status": 404, "error": "Not Found"}, HTTPStatus.NOT_FOUND)
        return Response(status_code=status)
    if problem.kind is Kind.UNAUTHENTICATED or not problem.detail:
        return Response(status_code=status, headers=problem.headers)
    return JSONResponse({"error": cut(problem.detail)}, status, problem.headers)


def bad_request(error: str) -> Problem:
    """Return the problem of a request that Judge0 answers with 400."""
    return Problem(Kind.MALFORMED_BODY, error)


async def not_found(_: Request, __: HTTPException) -> Problem:
    """Return the problem of a request that no route serves."""
    return Problem(Kind.NOT_FOUND, "")
