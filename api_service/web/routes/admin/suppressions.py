"""The addresses to which nothing is mailed: their list, a new one, and allowing one again."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.http.errors import ApiError, Kind
from api_service.services import ServicesDep
from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import admin_page, done
from api_service.web.session import SessionDep
from shared.common.service.logging import get_logger
from shared.common.text.email_addresses import is_address
from shared.records.mail import suppressions as use_cases

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, route_class=PageRoute)

_SHOWN: Final = 500


@router.get("/admin/suppressions")
async def suppressions(request: Request, services: ServicesDep, session: SessionDep, find: str = "") -> Response:
    # No address has other characters.
    find = "".join(filter(str.isprintable, find))
    found = await services.database.call(use_cases.found, find, limit=_SHOWN)
    return await admin_page(request, services, session, "suppressions", suppressions=found, find=find, shown=_SHOWN)


@router.post("/admin/suppressions/add")
async def add(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    email = str(form.get("email", "")).strip()
    if not is_address(email):
        raise ApiError(Kind.INVALID, f"{email!r} is not an address: go back, and correct it.")
    await services.database.transact(use_cases.add, email, use_cases.BY_OPERATOR)
    log.info("operator.suppressed", by=session.principal.key_id)
    return done(request, services, "suppressions", "suppressed")


@router.post("/admin/suppressions/remove")
async def remove(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    removed = await services.database.transact(use_cases.remove, str(form.get("email", "")))
    log.info("operator.allowed", addresses=len(removed), by=session.principal.key_id)
    return done(request, services, "suppressions", "allowed", len(removed))
