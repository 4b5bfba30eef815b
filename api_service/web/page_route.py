"""The routes of the operator's pages."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api_service.errors import error_of
from api_service.http.errors import ApiError
from api_service.web.error_pages import error_page
from api_service.web.rendering import root_of
from api_service.web.session import LoggedOut
from shared.common.service.errors import TransientError


class PageRoute(APIRoute):
    """A route of a page. Without a session, it leads to the page for logging in. HEAD is answered as GET is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.methods and "GET" in self.methods:
            self.methods.add("HEAD")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except LoggedOut:
                return RedirectResponse(f"{root_of(request)}admin/login", HTTPStatus.SEE_OTHER)
            except (ApiError, RequestValidationError, HTTPException, TransientError) as exc:
                return error_page(request, await error_of(request, exc))

        return handle_errors
