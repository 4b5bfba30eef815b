"""The API keys: their list, a new one, and revoking one."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from api_service.services import Services, ServicesDep
from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import admin_page, done, number_of
from api_service.web.session import Session, SessionDep
from shared.common.service.logging import get_logger
from shared.common.text.email_addresses import is_recipient
from shared.records.accounts import api_keys, webhooks
from shared.records.accounts.scopes import Scope

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: What a key made here may do. Only the command line makes admin keys (docs/adr/0031).
SCOPES: Final = (Scope.SUBMIT, Scope.READ)


@router.get("/admin/keys")
async def keys(request: Request, services: ServicesDep, session: SessionDep) -> Response:
    return await _page(request, services, session)


@router.post("/admin/keys")
async def create(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    name = str(form.get("name", "")).strip()
    recipients = str(form.get("recipients", "")).replace(",", " ").split()
    scopes = [scope for scope in SCOPES if scope in form.getlist("scope")]
    wrong = [one for one in recipients if not is_recipient(one)]
    may_make = await services.authenticator.keys_existed()
    if not may_make or not api_keys.is_name(name) or not scopes or wrong:
        return await _page(request, services, session, status=HTTPStatus.UNPROCESSABLE_ENTITY, wrong=wrong, given=form)
    secret = webhooks.new_secret()
    number, key = await services.database.transact(api_keys.create, name, scopes, recipients or None, secret)
    log.info("operator.made_key", key=number, by=session.principal.key_id)
    return await _page(request, services, session, made={"id": number, "name": name, "key": key, "secret": secret})


@router.post("/admin/keys/revoke")
async def revoke(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    number = number_of(form.get("id"))
    revoked = number is not None and await services.database.transact(api_keys.revoke, number)
    log.info("operator.revoked_key", key=number if revoked else None, by=session.principal.key_id)
    return done(request, services, "keys", "revoked", int(revoked))


async def _page(
    request: Request,
    services: Services,
    session: Session,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    made: dict[str, object] | None = None,
    wrong: list[str] | None = None,
    given: FormData | None = None,
) -> Response:
    listed = await services.database.call(api_keys.listed)
    return await admin_page(
        request, services, session, "keys", status=status, keys=listed, own=session.principal.key_id, made=made,
        wrong=wrong or [], given=given or FormData(), scopes=SCOPES,
        may_make=await services.authenticator.keys_existed(),
    )  # fmt: skip
