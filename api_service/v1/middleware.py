"""ASGI middleware for all requests to API v1 and their answers.

- A slash at the end of a path makes no difference.
- HEAD is served by the route of GET. Its answer has the same status and header fields; a stream's comes at once.
- Caches revalidate JSON before they use it. It is compressed if the client accepts that.
- Rate limits against which it was counted are reported (draft-ietf-httpapi-ratelimit-headers-10).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.errors import is_v1
from api_service.limits.rate_limits import REPORTED, WINDOW_SECONDS, RateLimitStatus

_SMALLEST: Final = 1024
_COMPRESSION_LEVEL: Final = 5
_NOT_COMPRESSED: Final = ("text/*", "application/zip", "application/octet-stream")
_JSON: Final = frozenset({"application/json", "application/problem+json"})


class V1Middleware:
    """Does this for requests under /v1, and passes all others on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_v1(scope["path"]):
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["path"].removesuffix("/")
        if scope["method"] == "HEAD":
            # A copy, because the server must know that the answer has no body. Only GET has ranges (RFC 9110, 14.2).
            headers = [field for field in scope["headers"] if field[0] != b"range"]
            as_get = {**scope, "method": "GET", "headers": headers}
            try:
                await self._serve(as_get, receive, _without_body(send))
            finally:
                scope["route"] = as_get.get("route")
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted: dict[str, RateLimitStatus] = {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, counted)
            await send(message)

        token = REPORTED.set(counted)
        try:
            await _compressing(self._app, Headers(scope=scope))(scope, receive, send_with_headers)
        finally:
            REPORTED.reset(token)


def _without_body(send: Send) -> Send:
    """Return what sends the status and the header fields only.

    The answer ends with them, so a stream finds its client gone and ends too.
    """

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body"})

    return send_head


def _compressing(app: ASGIApp, request: Mapping[str, str]) -> ASGIApp:
    """Return the app with compressed JSON, if the client accepts it. `Vary` says that answers depend on that."""
    if accepts_gzip(request.get("accept-encoding", "")):
        return GZipResponder(app, _SMALLEST, _COMPRESSION_LEVEL, exclude_content_types=_NOT_COMPRESSED)
    return IdentityResponder(app, _SMALLEST, exclude_content_types=_NOT_COMPRESSED)


def accepts_gzip(accepted: str) -> bool:
    """Return True if gzip has a weight above 0 in this value of `Accept-Encoding` (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for item in accepted.lower().split(","):
        name, _, rest = item.partition(";")
        weight = rest.replace(" ", "").removeprefix("q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _add_headers(start: Message, counted: Mapping[str, RateLimitStatus]) -> None:
    headers = MutableHeaders(raw=start.setdefault("headers", []))
    status = start["status"]
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type in _JSON or status == HTTPStatus.NOT_MODIFIED:
        headers.setdefault("Cache-Control", "private, no-cache")
        if "accept-encoding" not in headers.get("vary", "").lower():
            headers.add_vary_header("Accept-Encoding")
    if counted and (status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.TOO_MANY_REQUESTS):
        limits = counted.values()
        policies = (f'"{limit.name}";q={limit.quota};w={WINDOW_SECONDS}' for limit in limits)
        headers["RateLimit-Policy"] = ", ".join(policies)
        headers["RateLimit"] = ", ".join(f'"{limit.name}";r={limit.left};t={limit.more_in_s}' for limit in limits)
