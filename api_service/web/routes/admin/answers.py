"""The answers of the operator's page."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from api_service.services import ServicesDep
from api_service.web.csrf import FIELD
from api_service.web.rendering import page, root_of
from api_service.web.session import SessionDep
from shared.common.service.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator who is logged in, and the request."""

    request: Request
    services: ServicesDep
    session: SessionDep

    @property
    def key(self) -> int | None:
        return self.session.principal.key_id

    async def page(self, name: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:
        """Return one of the pages. All show how many failures there are, and what the latest form has done."""
        return page(
            self.request,
            f"admin/{name}.html.j2",
            status=status,
            headers={"Cache-Control": "no-store"},
            here=name,
            csrf=self.session.csrf,
            csrf_field=FIELD,
            system=await self.services.system_status.get(),
            done=self.request.query_params.get("done"),
            count=number_of(self.request.query_params.get("count")) or 0,
            **values,
        )

    def done(self, name: str, what: str, count: int = 1, **logged: object) -> Response:
        """Lead the browser back to a page, which then says what was done. Loading it again repeats nothing."""
        log.info(f"operator.{what}", **logged, by=self.key)
        self.services.system_status.forget()
        query = urlencode({"done": what, "count": count})
        return RedirectResponse(f"{root_of(self.request)}admin/{name}?{query}", HTTPStatus.SEE_OTHER)


OperatorDep = Annotated[Operator, Depends()]


def number_of(value: object) -> int | None:
    """Return the number in a field; None for what is none, or has more digits than the database's numbers."""
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19
    return int(str(value)) if is_number else None
