"""The unsubscribe link of every mail: a page for people, and one click for mail programs (RFC 8058).

A GET changes nothing, because scanners follow every link of a mail. Only a POST stops the mails.
"""

import html
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api_service.dependencies import Services, ServicesDep
from api_service.problems import Problem, problem_responses
from shared import suppressions

router = APIRouter(tags=["mail"])

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

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Precieux</title>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem">{body}</body></html>
"""


@router.get(
    "/unsubscribe",
    operation_id="ask_to_unsubscribe",
    summary="Show the page that stops the mails to an address",
    description="The link is in every mail. It changes nothing, because scanners follow every link of a mail.",
    response_class=HTMLResponse,
    responses=_RESPONSES,
)
async def ask(email: Email, signature: Signature, services: ServicesDep) -> HTMLResponse:
    _check(services, email, signature)
    body = (
        f"<p>Stop mailing results to <b>{html.escape(email)}</b>?</p>"
        '<form method="post"><button style="font:inherit;padding:.5rem 1rem">Stop the mails</button></form>'
    )
    return HTMLResponse(_PAGE.format(body=body), headers=_HEADERS)


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
async def unsubscribe(email: Email, signature: Signature, services: ServicesDep) -> HTMLResponse:
    _check(services, email, signature)
    async with services.database.transaction() as connection:
        await suppressions.add(connection, email, "unsubscribed")
    body = f"<p>No more mails will be sent to <b>{html.escape(email)}</b>.</p>"
    return HTMLResponse(_PAGE.format(body=body), headers=_HEADERS)


def _check(services: Services, email: str, signature: str) -> None:
    if not services.signer.verifies_unsubscribe(email, signature=signature):
        raise Problem(HTTPStatus.FORBIDDEN, "This server did not make this link: use the whole link from the mail.")
