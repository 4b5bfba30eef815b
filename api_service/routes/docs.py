"""The page that describes the calls. All its files are our own, so it works offline and runs no third party's code."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api_service.streaming import PiecewiseResponse

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parent.parent / "static"
_PAGE: Final = (_FOLDER / "docs.html").read_bytes()
_COMPRESSED: Final = {
    "swagger-ui-bundle.js": ((_FOLDER / "swagger-ui/swagger-ui-bundle.js.gz").read_bytes(), "text/javascript"),
    "swagger-ui.css": ((_FOLDER / "swagger-ui/swagger-ui.css.gz").read_bytes(), "text/css"),
}
_START: Final = (_FOLDER / "start.js").read_bytes()
_PIECE_BYTES: Final = 32 << 10
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
@router.get("/redoc")
async def page() -> Response:
    return HTMLResponse(_PAGE, headers=_HEADERS)


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript", headers=_HEADERS)


@router.get("/docs/swagger-ui-bundle.js")
async def script() -> Response:
    return _compressed("swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
async def style() -> Response:
    return _compressed("swagger-ui.css")


def _compressed(name: str) -> Response:
    content, media_type = _COMPRESSED[name]
    return PiecewiseResponse(_pieces(content), media_type, {**_HEADERS, "Content-Encoding": "gzip"})


async def _pieces(content: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]
