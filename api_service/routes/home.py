"""The first page: what this server is, and its links. In HTML, or in JSON for clients that accept no HTML."""

import html
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parent.parent / "static"
_PAGE: Final = (_FOLDER / "home.html").read_text()
_ICON: Final = (_FOLDER / "favicon.svg").read_bytes()
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept",
    "Cache-Control": "no-cache",
}


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request) -> Response:
    accepted = request.headers.get("Accept", "")
    if "json" in accepted and "html" not in accepted:
        return JSONResponse(_summary(request), headers=_HEADERS)
    return HTMLResponse(_PAGE.replace("{url}", html.escape(str(request.base_url))), headers=_HEADERS)


def _summary(request: Request) -> dict[str, object]:
    return {
        "name": request.app.title,
        "summary": request.app.summary,
        "version": request.app.version,
        "calls": {
            "submit": "POST /submit_email/",
            "request execution": "GET /check_email/?id=",
            "list": "GET /check_user/?email=",
        },
        "docs": "/docs",
        "reference": "/redoc",
        "openapi": "/openapi.json",
        "health": "/healthz",
        "readiness": "/readyz",
    }


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
@router.api_route("/favicon.svg", methods=["GET", "HEAD"])
async def icon() -> Response:
    headers = {
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "max-age=86400",
    }
    return Response(_ICON, media_type="image/svg+xml", headers=headers)
