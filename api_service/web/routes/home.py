"""The first address: a page for people, and JSON for clients that accept JSON but no HTML."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_service.services import ServicesDep
from api_service.web.program_page import program_page
from api_service.web.rendering import page

router = APIRouter(include_in_schema=False)

_ICON: Final = (Path(__file__).parent.parent.parent / "static/favicon.svg").read_bytes()


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request, services: ServicesDep) -> Response:
    accepted = request.headers.get("Accept", "")
    if "json" in accepted and "html" not in accepted:
        return JSONResponse(_summary(request), headers={"Vary": "Accept", "Cache-Control": "no-cache"})
    if services.settings.web:
        return await program_page(request, services)
    return page(request, "home.html.j2", url=str(request.base_url))


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
