"""The API keys: their list, a new one, and revoking one."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Response
from starlette.datastructures import FormData

from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import Operator, OperatorDep, number_of
from shared.common.service.logging import get_logger
from shared.common.text.email_addresses import is_recipient
from shared.records.accounts import api_keys, webhooks
from shared.records.accounts.scopes import Scope

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: What a key made here may do. Only the command line makes admin keys (docs/adr/0031).
SCOPES: Final = (Scope.SUBMIT, Scope.READ)


@router.get("/admin/keys")
async def keys(operator: OperatorDep) -> Response:
    return await _page(operator)


@router.post("/admin/keys")
async def create(operator: OperatorDep, form: FormDep) -> Response:
    services = operator.services
    name = str(form.get("name", "")).strip()
    recipients = str(form.get("recipients", "")).replace(",", " ").split()
    scopes = [scope for scope in SCOPES if scope in form.getlist("scope")]
    wrong = [address for address in recipients if not is_recipient(address)]
    may_make = await services.authenticator.keys_existed()
    if not may_make or not api_keys.is_name(name) or not scopes or wrong:
        return await _page(operator, status=HTTPStatus.UNPROCESSABLE_ENTITY, wrong=wrong, given=form)
    secret = webhooks.new_secret()
    number, key = await services.database.transact(api_keys.create, name, scopes, recipients or None, secret)
    log.info("operator.made_key", key=number, by=operator.key)
    return await _page(operator, made={"id": number, "name": name, "key": key, "secret": secret})


@router.post("/admin/keys/revoke")
async def revoke(operator: OperatorDep, form: FormDep) -> Response:
    number = number_of(form.get("id"))
    revoked = number is not None and await operator.services.database.transact(api_keys.revoke, number)
    return operator.done("keys", "revoked", int(revoked), key=number if revoked else None)


async def _page(operator: Operator, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
    """Return the page. `values` are the key that was `made`, or the fields `given` and which recipients are `wrong`."""
    listed = await operator.services.database.call(api_keys.listed)
    may_make = await operator.services.authenticator.keys_existed()
    shown = {"keys": listed, "own": operator.key, "scopes": SCOPES, "may_make": may_make, "made": None}
    return await operator.page("keys", status=status, **{**shown, "wrong": [], "given": FormData(), **values})
