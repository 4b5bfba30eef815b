"""The page that the `type` of a problem document leads to. It has one anchor for each kind."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from api_service.http.errors import PAGE, Kind
from api_service.web.rendering import page

router = APIRouter(include_in_schema=False)


def _meaning(kind: Kind) -> Markup:
    """Return the meaning, with what stands in backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(kind.meaning))))  # noqa: S704  (it is escaped)


_KINDS: Final = tuple((kind, _meaning(kind)) for kind in Kind)


@router.api_route(PAGE, methods=["GET", "HEAD"])
async def problems(request: Request) -> Response:
    """Return the page in English, as the documents themselves are."""
    return page(request, "problems.html.j2", locale="en", kinds=_KINDS)
