"""The sessions of the operator's page: an admin key, exchanged for a cookie (docs/adr/0031).

A session is valid for a few hours, until it is logged out, and while its key is valid. The database has the digests of
the cookies, so a copy of it opens no session.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.services import Services, ServicesDep
from shared.adapters.database.connection import Connection
from shared.records.accounts import api_keys
from shared.records.accounts.scopes import Scope

HOURS: Final = 8
_COOKIE: Final = "precieux-operator"

_ADD: Final = "INSERT INTO sessions (sha256, key_sha256) VALUES (:sha256, :key_sha256)"
_FIND: Final = f"""
    SELECT key_sha256 FROM sessions
    WHERE sha256 = :sha256 AND created_at > now() - interval '{HOURS} hours'
"""  # noqa: S608  (constants)
_REMOVE: Final = "DELETE FROM sessions WHERE sha256 = :sha256"
_OLD: Final = f"""
    SELECT sha256 FROM sessions WHERE created_at < now() - interval '{HOURS} hours' ORDER BY sha256 LIMIT 100
"""  # noqa: S608


class LoggedOut(Exception):
    """A request to the operator's page without a valid session."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in. `token` is its cookie."""

    token: str
    principal: Principal

    @property
    def csrf(self) -> str:
        """The token that each form of this session has."""
        return hmac.digest(self.token.encode(), b"form", hashlib.sha256).hex()


async def log_in(services: Services, request: Request, key: str) -> str:
    """Return the cookie of a new session. Without a key, it is one for the local user in protected mode.

    Raises `ApiError` (403) if the key is not an admin's. Wrong keys are not counted: a key cannot be guessed, and
    behind a proxy the address of a stranger is also the operator's.
    """
    key_sha256 = api_keys.digest(key.strip()) if key.strip() else None
    try:
        await _principal(services, request, key_sha256)
    except LoggedOut:
        raise ApiError(Kind.FORBIDDEN, "This is no valid key with the scope `admin`.") from None
    token = secrets.token_urlsafe(32)
    async with services.database.transaction() as connection:
        # In one order, because another process may do the same. This role may not lock rows first.
        await connection.fetch_each(_REMOVE, [dict(row) for row in await connection.fetch_all(_OLD)])
        await connection.execute(_ADD, {"sha256": api_keys.digest(token), "key_sha256": key_sha256})
    return token


async def log_out(services: Services, token: str) -> None:
    await services.database.call(Connection.execute, _REMOVE, {"sha256": api_keys.digest(token)})


async def _session(request: Request, services: ServicesDep) -> Session:
    token = request.cookies.get(cookie_name(services, request), "")
    row = await services.database.call(Connection.fetch_one, _FIND, {"sha256": api_keys.digest(token)})
    if row is None:
        raise LoggedOut
    return Session(token, await _principal(services, request, row["key_sha256"]))


#: The session of a request. Raises `LoggedOut` if there is none.
SessionDep = Annotated[Session, Depends(_session)]


async def _principal(services: Services, request: Request, key_sha256: str | None) -> Principal:
    """Return the admin with this key; without one, the local user in protected mode. Raise `LoggedOut` for others."""
    if key_sha256 is None:
        try:
            return await services.authenticator.principal(request, None)
        except ApiError:
            raise LoggedOut from None
    principal = await services.authenticator.valid(key_sha256)
    if principal is None or Scope.ADMIN not in principal.scopes:
        raise LoggedOut
    return principal


def cookie_name(services: Services, request: Request) -> str:
    """Return the name of the cookie. Over HTTPS, its prefix makes browsers keep other hosts from setting it.

    Over HTTP it names the port, because browsers share cookies among all ports of a host.
    """
    if _is_https(services, request):
        return f"__Host-{_COOKIE}"
    port = request.url.port
    return f"{_COOKIE}-{port}" if port else _COOKIE


def set_cookie(services: Services, request: Request, response: Response, token: str) -> None:
    """Give the browser its session, or take it away if the token is empty."""
    response.set_cookie(
        cookie_name(services, request),
        token,
        max_age=HOURS * 3600 if token else 0,
        path="/",
        secure=_is_https(services, request),
        httponly=True,
        samesite="strict",
    )


def _is_https(services: Services, request: Request) -> bool:
    """Return True if the browser uses HTTPS. A proxy that ends TLS is known by the public address."""
    public = urlsplit(services.signer.public_url)
    return request.url.scheme == "https" or (public.scheme == "https" and request.headers.get("Host") == public.netloc)
