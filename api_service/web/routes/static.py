"""The files that pages load."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from api_service.v1.middleware import accepts_gzip
from api_service.web.assets import DIGEST, asset, compressed

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
}


@router.api_route(f"/static/{DIGEST}/{{name:path}}", methods=["GET", "HEAD"])
async def static(name: str, request: Request) -> Response:
    file = asset(name)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    content, media_type = file
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        return Response(compressed(name), headers={**_HEADERS, "Content-Encoding": "gzip"}, media_type=media_type)
    return Response(content, headers=_HEADERS, media_type=media_type)
