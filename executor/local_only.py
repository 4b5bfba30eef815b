"""Refuses remote requests to an executor without a token, which serves only this machine.

Listening on a loopback address does not suffice. A proxy on this machine forwards strangers' requests, and a browser on
it sends requests for a stranger's page: by a form, or by a name that resolves to 127.0.0.1.
"""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.common.http.bodies import Refuse
from shared.common.http.loopback import is_loopback

_SET_A_TOKEN: Final = "Set PRECIEUX_CODEX_TOKEN, and send it as `Authorization: Bearer TOKEN`."  # noqa: S105

#: A host and perhaps a port (RFC 9110, section 7.2), without the user that a URL may name before it.
_AUTHORITY: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]*)?")
_ORIGIN: Final = re.compile(r"https?://(?P<authority>[^/?#]+)")
#: A proxy adds at least one of them, unless it is configured not to.
_FORWARDING_FIELDS: Final = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip"})
_FORWARDING_PREFIXES: Final = ("x-forwarded-", "x-envoy-", "x-original-", "cf-")


class LocalOnly:
    """ASGI middleware that answers 403 to requests from elsewhere. Pages of `origins` are trusted."""

    def __init__(self, app: ASGIApp, origins: Collection[str], refuse: Refuse) -> None:
        self._app = app
        self._origins = origins
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        reason = self._reason(scope) if scope["type"] in ("http", "websocket") else ""
        if reason and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if reason:
            app = self._refuse(HTTPStatus.FORBIDDEN, f"{reason} {_SET_A_TOKEN}", {})
        await app(scope, receive, send)

    def _reason(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        if not is_loopback(scope["client"][0] if scope["client"] else ""):
            return "Without a token, this executor serves only its own machine."
        if is_forwarded(headers.keys()):
            return "Without a token, this executor serves no proxy."
        if not all(names_loopback(host) for host in headers.getlist("host")):
            return "Without a token, this executor answers only to localhost and loopback addresses."
        if not all(self._is_trusted(origin) for origin in headers.getlist("origin")):
            return "Without a token, this executor serves no web page from elsewhere."
        return ""

    def _is_trusted(self, origin: str) -> bool:
        return is_loopback_origin(origin) or origin in self._origins or "*" in self._origins


def names_loopback(authority: str) -> bool:
    """Return True if the `Host` field of a request names loopback."""
    match = _AUTHORITY.fullmatch(authority)
    return match is not None and is_loopback(match["ipv6"] or match["name"])


def is_loopback_origin(origin: str) -> bool:
    """Return True if the `Origin` field of a request names loopback."""
    match = _ORIGIN.fullmatch(origin)
    return match is not None and names_loopback(match["authority"])


def is_forwarded(fields: Collection[str]) -> bool:
    """Return True if a proxy added one of these header fields, given by their names in lower case."""
    return any(name in _FORWARDING_FIELDS or name.startswith(_FORWARDING_PREFIXES) for name in fields)
