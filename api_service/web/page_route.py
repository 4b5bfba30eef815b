"""Answers the errors of pages with pages, where API v1 answers with problem documents."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api_service.errors import problem_of
from api_service.http.problems import Problem
from api_service.web.rendering import page, root_of
from api_service.web.session import LoggedOut
from shared.service.errors import TransientError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route of a page. Without a session, it leads to the page for logging in. HEAD is answered as GET is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.methods and "GET" in self.methods:
            self.methods.add("HEAD")

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except LoggedOut:
                return RedirectResponse(f"{root_of(request)}admin/login", HTTPStatus.SEE_OTHER)
            except (Problem, RequestValidationError, HTTPException, TransientError) as exc:
                return problem_page(request, await problem_of(request, exc))

        return handle_errors


def problem_page(request: Request, problem: Problem) -> Response:
    """Return the page that says what happened."""
    status = problem.kind.status
    return page(
        request,
        "admin/problem.html.j2",
        status=status,
        headers={**problem.headers, "Cache-Control": "no-store"},
        code=status.value,
        detail=problem.detail,
    )
