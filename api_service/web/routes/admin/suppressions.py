"""The addresses to which nothing is mailed: their list, a new one, and allowing one again."""

from typing import Final

from fastapi import APIRouter, Response

from api_service.http.errors import ApiError, Kind
from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import OperatorDep
from shared.common.text.email_addresses import is_address
from shared.records.mail import suppressions as use_cases

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_SHOWN: Final = 500


@router.get("/admin/suppressions")
async def suppressions(operator: OperatorDep, find: str = "") -> Response:
    # No address has other characters.
    find = "".join(filter(str.isprintable, find))
    listed = await operator.services.database.call(use_cases.found, find, limit=_SHOWN)
    return await operator.page("suppressions", suppressions=listed, find=find, shown=_SHOWN)


@router.post("/admin/suppressions/add")
async def add(operator: OperatorDep, form: FormDep) -> Response:
    email = str(form.get("email", "")).strip()
    if not is_address(email):
        raise ApiError(Kind.INVALID, f"{email!r} is not an address: go back, and correct it.")
    await operator.services.database.transact(use_cases.add, email, use_cases.BY_OPERATOR)
    return operator.done("suppressions", "suppressed")


@router.post("/admin/suppressions/remove")
async def remove(operator: OperatorDep, form: FormDep) -> Response:
    removed = await operator.services.database.transact(use_cases.remove, str(form.get("email", "")))
    return operator.done("suppressions", "allowed", len(removed), addresses=len(removed))
