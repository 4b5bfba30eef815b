"""The pages that document the calls. All their files are on this server, so they work without the Internet."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from api_service.classic.openapi import describe
from api_service.requests import openapi as v1_openapi
from api_service.services import ServicesDep
from shared.common.service.errors import TransientError
from shared.engine_api.languages import ALIASES

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parents[2] / "static"
_PAGES: Final = {name: (_FOLDER / f"{name}.html").read_text() for name in ("docs", "redoc")}
_COMPRESSED: Final = {
    path.stem: (path.read_bytes(), "text/css" if path.stem.endswith(".css") else "text/javascript")
    for path in _FOLDER.glob("*/*.gz")
}
_SCRIPTS: Final = {path.name: path.read_bytes() for path in _FOLDER.glob("*.js")}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@router.get("/openapi.json")
async def openapi(request: Request, services: ServicesDep) -> Response:
    """Return the document. It is made once for all requests, until the languages change."""
    try:
        languages = (await services.languages.catalog()).codes
        is_key_needed = await services.authenticator.keys_existed()
    except TransientError:
        # The calls are documented even without the database.
        languages, is_key_needed = list(ALIASES), True
    state, made_for = request.app.state, (languages, is_key_needed)
    if getattr(state, "openapi", (None,))[0] != made_for:
        document = describe(
            request.app, services.settings, languages, is_key_needed=is_key_needed, schemas=v1_openapi.SCHEMAS
        )
        v1_openapi.complete(document)
        state.openapi = made_for, JSONResponse(document).body
    return Response(state.openapi[1], media_type="application/json")


@router.api_route("/docs", methods=["GET", "HEAD"])
@router.api_route("/docs/", methods=["GET", "HEAD"])
@router.api_route("/redoc", methods=["GET", "HEAD"])
@router.api_route("/redoc/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    path: str = request.scope["path"]
    name = path.strip("/").rpartition("/")[2]
    # Relative, because a proxy may serve the API below a prefix.
    root = "../" if path.endswith("/") else ""
    return HTMLResponse(_PAGES[name].replace("{root}", root), headers=_HEADERS)


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    if name in _SCRIPTS:
        return Response(_SCRIPTS[name], media_type="text/javascript", headers=_HEADERS)
    if name in _COMPRESSED:
        content, media_type = _COMPRESSED[name]
        return Response(content, headers={**_HEADERS, "Content-Encoding": "gzip"}, media_type=media_type)
    raise HTTPException(HTTPStatus.NOT_FOUND)
