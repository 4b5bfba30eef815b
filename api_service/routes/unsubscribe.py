"""The way out that every mail names: a page for people, and one click for mail programs (RFC 8058).

A GET changes nothing, since scanners follow every link of a mail; only a POST does.
"""

import html
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from api_service.dependencies import Services, ServicesDep
from api_service.problems import Problem
from shared import suppressions

router = APIRouter(tags=["mail"])

Email = Annotated[str, Query(max_length=254)]
Signature = Annotated[str, Query(max_length=64)]

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


@router.get("/unsubscribe", summary="Ask whether the mails to an address shall stop", response_class=HTMLResponse)
async def ask(email: Email, signature: Signature, services: ServicesDep) -> HTMLResponse:
    _check(services, email, signature)
    body = (
        f"<p>Stop mailing results to <b>{html.escape(email)}</b>?</p>"
        '<form method="post"><button style="font:inherit;padding:.5rem 1rem">Stop the mails</button></form>'
    )
    return HTMLResponse(_PAGE.format(body=body), headers=_HEADERS)


@router.post("/unsubscribe", summary="Stop the mails to an address", response_class=HTMLResponse)
async def unsubscribe(email: Email, signature: Signature, services: ServicesDep) -> HTMLResponse:
    _check(services, email, signature)
    async with services.database.transaction() as connection:
        await suppressions.add(connection, email, "unsubscribed")
    body = f"<p>Nothing will be mailed to <b>{html.escape(email)}</b> any more.</p>"
    return HTMLResponse(_PAGE.format(body=body), headers=_HEADERS)


def _check(services: Services, email: str, signature: str) -> None:
    if not services.signer.verifies_unsubscribe(email, signature=signature):
        raise Problem(HTTPStatus.FORBIDDEN, "This link is not one of ours: use the one in the mail.")
