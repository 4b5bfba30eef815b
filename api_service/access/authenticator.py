"""Authentication: finds the sender of a request.

Every call needs an API key as a bearer token (RFC 6750), except health checks and signed links. Until the first key
exists, the API is in protected mode: it serves the user that runs it, on this machine, without a key
(`api_service.access.local_peer`).
"""

import hmac
from typing import Final

from cachetools import TTLCache
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection

from api_service.access.local_peer import SocketOwner, socket_owner, why_not_local
from api_service.access.principal import Principal
from api_service.cached import CachedFor
from api_service.http.errors import ApiError, Kind
from shared.adapters.database.connection import Database
from shared.common.http.bodies import own_body
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import ApiKey
from shared.records.accounts.scopes import Scope

#: Seconds for which the row of a key is cached. A revoked key may work for as long.
CACHE_SECONDS: Final = 2.0
_CACHED_KEYS: Final = 10_000
_OPERATOR: Final = Principal(None, frozenset(Scope))


class Authenticator:
    """Finds the sender of a request. `operator_keys` come from `PRECIEUX_API_KEYS`; other keys are rows of `api_keys`.

    `operator_keys` have all scopes, and so has `local_key`, the key of this machine's command line. A `local_key` does
    not end protected mode.
    """

    def __init__(
        self,
        database: Database,
        operator_keys: tuple[str, ...] = (),
        *,
        local_key: str | None = None,
        owner_of: SocketOwner = socket_owner,
    ) -> None:
        self._database = database
        self._has_operator_keys = bool(operator_keys)
        self._operator_digests = [api_keys.digest(key) for key in (*operator_keys, local_key) if key]
        self._owner_of = owner_of
        self._cache: TTLCache[str, ApiKey | None] = TTLCache(_CACHED_KEYS, ttl=CACHE_SECONDS)
        self._keys_existed = False
        self._any_key = CachedFor(CACHE_SECONDS, self._has_any_key)

    async def principal(self, request: HTTPConnection, credentials: HTTPAuthorizationCredentials | None) -> Principal:
        """Return the sender of a request. `credentials` are those of the scheme Bearer, if it has any.

        Raises `ApiError`: 401, or 403 for other users in protected mode.
        """
        sender = await self.of_key(credentials.credentials.strip()) if credentials else None
        if sender is not None:
            own_body(request.scope, sender.key_id)
            return sender
        # A client that sends a key relies on it, so a wrong key is an error even where none is needed.
        if credentials is not None or "Authorization" in request.headers or await self.keys_existed():
            raise ApiError(
                Kind.UNAUTHENTICATED,
                "This call needs a valid API key, sent as `Authorization: Bearer KEY`.",
                headers={"WWW-Authenticate": 'Bearer realm="precieux"'},
            )
        reason = self.why_not_local(request)
        if reason is not None:
            raise ApiError(
                Kind.FORBIDDEN,
                "No API key exists yet, so this server serves only the user that runs it, on the same machine."
                f" This request is refused because {reason}."
                " Create a key with `precieux keys create NAME`, and send it as `Authorization: Bearer KEY`.",
            )
        return _OPERATOR

    def why_not_local(self, request: HTTPConnection) -> str | None:
        """Return why a request is not from this user on this machine, as a clause, or None if it is."""
        return why_not_local(request, self._owner_of)

    async def keys_existed(self) -> bool:
        """Return True if a key has ever existed. The first call records keys of the settings in the database."""
        self._keys_existed = self._keys_existed or await self._any_key.get()
        return self._keys_existed

    async def _has_any_key(self) -> bool:
        async with self._database.connection() as connection:
            if self._has_operator_keys:
                await api_keys.remember_settings(connection)
            return await api_keys.any_ever(connection)

    async def of_key(self, key: str) -> Principal | None:
        """Return the principal of this key, or None if it is not valid."""
        return await self.valid(api_keys.digest(key))

    async def valid(self, sha256: str) -> Principal | None:
        """Return the principal of the key with this digest, or None if there is no valid key."""
        if any(hmac.compare_digest(sha256, digest) for digest in self._operator_digests):
            return _OPERATOR
        try:
            key = self._cache[sha256]
        except KeyError:
            key = await self._database.call(api_keys.find, sha256)
            self._cache[sha256] = key
        return Principal(key.id, key.scopes, key.recipients, key.run_seconds) if key else None
