"""Who is asking, and what they may do.

Without any key the API is in protected mode: it serves this machine only, to whoever is on it. With one, every call
but health and signed links needs a key as a bearer token (RFC 6750).
"""

import hmac
import ipaddress
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from api_service.problems import Problem
from shared import api_keys
from shared.api_keys import ApiKey, Scope
from shared.database import Database

#: For how long a key's row is believed without another look; so long a revoked key still works.
_BELIEVED_SECONDS: Final = 2.0
_KEPT_ANSWERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `key_id` is None for this machine in protected mode, and for keys of the operator's settings.

    `recipients` are the only ones that may be mailed; None is everybody.
    """

    key_id: int | None
    scopes: frozenset[Scope]
    recipients: tuple[str, ...] | None = None

    @property
    def sees_all(self) -> bool:
        return Scope.ADMIN in self.scopes


_OPERATOR: Final = Principal(None, frozenset(Scope))


class Authenticator:
    """`operator_keys` come from `PRECIEUX_API_KEYS` and may all; the others are rows of `api_keys`."""

    def __init__(self, database: Database, operator_keys: tuple[str, ...] = ()) -> None:
        self._database = database
        self._operator_digests = [api_keys.digest(key) for key in operator_keys]
        self._answers: dict[str, tuple[float, ApiKey | None]] = {}
        self._any_key: tuple[float, bool] = (0.0, False)

    async def principal(self, request: Request) -> Principal:
        """Raises `Problem` (401, or 403 from elsewhere in protected mode)."""
        header = request.headers.get("Authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            found = await self._find(token.strip()) if scheme.lower() == "bearer" else None
            if found is not None:
                return found
        if await self.keys_exist():
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "This call needs a valid API key, sent as `Authorization: Bearer KEY`.",
                {"WWW-Authenticate": 'Bearer realm="precieux"'},
            )
        if not _is_local(request):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "No API key was made yet, so only this machine itself is served:"
                " make one with `precieux keys create NAME`, and send it as `Authorization: Bearer KEY`.",
            )
        return _OPERATOR

    async def keys_exist(self) -> bool:
        if self._operator_digests:
            return True
        looked_at, known = self._any_key
        if time.monotonic() - looked_at > _BELIEVED_SECONDS or looked_at == 0.0:
            async with self._database.connection() as connection:
                known = await api_keys.any_valid(connection)
            self._any_key = (time.monotonic(), known)
        return known

    async def _find(self, token: str) -> Principal | None:
        sha256 = api_keys.digest(token)
        if any(hmac.compare_digest(sha256, known) for known in self._operator_digests):
            return _OPERATOR
        looked_at, key = self._answers.get(sha256, (0.0, None))
        if time.monotonic() - looked_at > _BELIEVED_SECONDS or looked_at == 0.0:
            async with self._database.connection() as connection:
                key = await api_keys.find(connection, sha256)
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            self._answers[sha256] = (time.monotonic(), key)
        return Principal(key.id, key.scopes, key.recipients) if key else None


def require(principal: Principal, scope: Scope) -> None:
    if scope not in principal.scopes and not principal.sees_all:
        raise Problem(HTTPStatus.FORBIDDEN, f"This API key lacks the scope `{scope}`.")


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_local(request: Request) -> bool:
    """From this machine, under one of its own names, and not at the bidding of a page from elsewhere.

    The peer alone does not tell: a proxy on this machine forwards strangers, and a browser on it carries out what a
    stranger's page asks (by a form, or by a name that resolves to 127.0.0.1).
    """
    peer = request.client.host if request.client else ""
    origin = request.headers.get("Origin")
    named = (request.url.hostname or "", *([urlsplit(origin).hostname or ""] if origin else []))
    return is_loopback(peer) and all(is_loopback(name) for name in named)
