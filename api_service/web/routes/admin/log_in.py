"""Logging in to the operator's page, and out."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api_service.http.errors import ApiError
from api_service.services import Services, ServicesDep
from api_service.web.csrf import FormDep, own_form
from api_service.web.page_route import PageRoute
from api_service.web.rendering import page, root_of
from api_service.web.session import SessionDep, log_in, log_out, set_cookie

router = APIRouter(include_in_schema=False, route_class=PageRoute)

PATH: Final = "/admin/login"


@router.get(PATH)
async def show(request: Request, services: ServicesDep) -> Response:
    return await _form(request, services)


@router.post(PATH)
async def enter(request: Request, services: ServicesDep) -> Response:
    key = (await own_form(request)).get("key")
    try:
        token = await log_in(services, request, key if isinstance(key, str) else "")
    except ApiError as exc:
        return await _form(request, services, status=exc.kind.status)
    answer = RedirectResponse(f"{root_of(request)}admin", HTTPStatus.SEE_OTHER)
    set_cookie(services, request, answer, token)
    return answer


@router.post("/admin/logout")
async def leave(request: Request, services: ServicesDep, session: SessionDep, _: FormDep) -> Response:
    await log_out(services, session.token)
    answer = RedirectResponse(f"{root_of(request)}admin/login", HTTPStatus.SEE_OTHER)
    set_cookie(services, request, answer, "")
    return answer


async def _form(request: Request, services: Services, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return page(
        request,
        "admin/login.html.j2",
        status=status,
        headers={"Cache-Control": "no-store"},
        is_wrong=status is HTTPStatus.FORBIDDEN,
        needs_key=await services.authenticator.keys_existed(),
    )
