"""The unsubscribe link of every mail: a page for people, and one click for mail programs (RFC 8058).

A GET changes nothing, because scanners follow every link of a mail. Only a POST stops the mails.
"""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from api_service.http.openapi import problem_responses
from api_service.services import Services, ServicesDep
from api_service.web.link_refusal import HTML, LinkRefused, Reason
from api_service.web.rendering import SECRET, page
from shared.records.mail import suppressions

router = APIRouter(tags=["mail"])

_REASON: Final = "unsubscribed"

Email = Annotated[str, Query(max_length=254, description="The address.", examples=["someone@example.com"])]
Signature = Annotated[str, Query(max_length=64, description="The proof that this server made the link.")]
_RESPONSES: Final = {
    200: {"description": "A page for people."},
    **problem_responses(
        {
            HTTPStatus.FORBIDDEN: "This server did not make the link.",
            HTTPStatus.UNPROCESSABLE_ENTITY: "The link is incomplete.",
        }
    ),
}
_RESPONSES[HTTPStatus.FORBIDDEN]["content"]["text/html"] = HTML


# A browser opens the address of `undo` again to show that page in the other language.
@router.get("/unsubscribe/undo", include_in_schema=False)
@router.get(
    "/unsubscribe",
    operation_id="ask_to_unsubscribe",
    summary="Show the page that stops the mails to an address",
    description="The link is in every mail. It changes nothing, because scanners follow every link of a mail.",
    response_class=HTMLResponse,
    responses=_RESPONSES,
)
async def confirmation_page(request: Request, email: Email, signature: Signature, services: ServicesDep) -> Response:
    _check(services, email, signature)
    return _page(request, services, email, is_done=False)


@router.post(
    "/unsubscribe",
    operation_id="unsubscribe",
    summary="Stop the mails to an address",
    description="One click of a mail program (RFC 8058), or the button of the page.",
    response_class=HTMLResponse,
    responses={
        **_RESPONSES,
        **problem_responses(
            {
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
                HTTPStatus.SERVICE_UNAVAILABLE: "The database is unavailable.",
            }
        ),
    },
)
async def unsubscribe(request: Request, email: Email, signature: Signature, services: ServicesDep) -> Response:
    _check(services, email, signature)
    await services.database.transact(suppressions.add, email, _REASON)
    return _page(request, services, email, is_done=True)


@router.post("/unsubscribe/undo", include_in_schema=False)
async def undo(request: Request, email: Email, signature: Signature, services: ServicesDep) -> Response:
    """Allow the mails that the link has stopped. Addresses whose mails came back stay suppressed."""
    _check(services, email, signature)
    await services.database.transact(suppressions.remove, email, _REASON)
    return _page(request, services, email, is_done=False, is_undone=True)


def _page(request: Request, services: Services, email: str, *, is_done: bool, is_undone: bool = False) -> Response:
    return page(
        request,
        "unsubscribe.html.j2",
        headers=SECRET,
        email=email,
        is_done=is_done,
        is_undone=is_undone,
        query=request.url.query,
        host=urlsplit(services.signer.public_url).netloc,
    )


def _check(services: Services, email: str, signature: str) -> None:
    if not services.signer.verifies_unsubscribe(email, signature=signature):
        raise LinkRefused(Reason.FORGED)
