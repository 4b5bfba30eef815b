"""The page that the `type` of a problem document leads to. It has one anchor for each kind, and needs no other host."""

import html
import re
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api_service.v1.problems import PAGE, Kind

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TEXT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Problems: Precieux</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem }}
:target {{ background: rgb(255 200 0 / 25%) }}
</style>
<h1>Problems</h1>
<p>The kinds of problem documents (RFC 9457) that API v1 answers with. Their <code>type</code> leads here.</p>
{kinds}</html>
"""


def _section(kind: Kind) -> str:
    meaning = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(kind.meaning, quote=False))
    title = html.escape(f"{kind.status.value}: {kind.title}", quote=False)
    return f'<h2 id="{kind.anchor}">{title}</h2>\n<p>{meaning}</p>\n'


_PAGE: Final = _TEXT.format(kinds="".join(map(_section, Kind)))


@router.api_route(PAGE, methods=["GET", "HEAD"])
async def problems() -> Response:
    return HTMLResponse(_PAGE, headers=_HEADERS)
