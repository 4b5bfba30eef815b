"""Refuses forms that a page of another site sends with the browser's cookies (cross-site request forgery).

Two walls: the browser says which site sends a form (`Sec-Fetch-Site`, `Origin`), and each form has a token of its
session. `SameSite=Strict` of the cookie is the third.
"""

import hmac
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData

from api_service.http.errors import ApiError, Kind
from api_service.web.session import SessionDep

FIELD: Final = "csrf"
_MAX_FIELDS: Final = 1100


async def own_form(request: Request) -> FormData:
    """Return the fields of a form that a page of this server sent. Raise `ApiError` (403) for other sites' forms."""
    sites = set(request.headers.getlist("Sec-Fetch-Site"))
    origins = {urlsplit(origin).netloc for origin in request.headers.getlist("Origin")}
    if not sites <= {"same-origin"} or not origins <= {request.headers.get("Host", "")}:
        raise ApiError(Kind.FORBIDDEN, "A page of another site sent this form, so nothing was done.")
    return await request.form(max_files=0, max_fields=_MAX_FIELDS)


async def _form_of_session(request: Request, session: SessionDep) -> FormData:
    form = await own_form(request)
    given = form.get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise ApiError(Kind.FORBIDDEN, "This form is not of your session: load the page again, and send it then.")
    return form


#: The fields of a form that the page of this session sent.
FormDep = Annotated[FormData, Depends(_form_of_session)]
