"""The answers of the operator's page."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api_service.services import Services
from api_service.web.csrf import FIELD
from api_service.web.rendering import page, root_of
from api_service.web.session import Session


async def admin_page(
    request: Request,
    services: Services,
    session: Session,
    name: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    **values: Any,
) -> Response:
    """Return one of the pages. All show how many failures there are, and what the latest form has done."""
    return page(
        request,
        f"admin/{name}.html.j2",
        status=status,
        headers={"Cache-Control": "no-store"},
        here=name,
        csrf=session.csrf,
        csrf_field=FIELD,
        system=await services.system_status.get(),
        done=request.query_params.get("done"),
        count=number_of(request.query_params.get("count")) or 0,
        **values,
    )


def done(request: Request, services: Services, name: str, what: str, count: int = 1) -> Response:
    """Lead the browser back to a page, which then says what was done. Loading it again repeats nothing."""
    services.system_status.forget()
    query = urlencode({"done": what, "count": count})
    return RedirectResponse(f"{root_of(request)}admin/{name}?{query}", HTTPStatus.SEE_OTHER)


def number_of(value: object) -> int | None:
    """Return the number in a field; None for what is none, or has more digits than the database's numbers."""
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19
    return int(str(value)) if is_number else None
