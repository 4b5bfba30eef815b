"""Who is asking, and what they may do.

Every call but health and signed links needs a key as a bearer token (RFC 6750). As long as no key has ever existed the
API is in protected mode: it also serves the user that runs it, on this machine, without one (`api_service.locality`).
"""

import hmac
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from cachetools import TTLCache
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import Request

from api_service.locality import SocketOwner, socket_owner, why_not_local
from api_service.problems import Problem
from shared import api_keys
from shared.api_keys import ApiKey, Scope
from shared.database.connection import Database

#: For how long a key's row is believed without another look; so long a revoked key still works.
_BELIEVED_SECONDS: Final = 2.0
_KEPT_ANSWERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. `key_id` is None for the local user in protected mode, and for keys of the settings.

    Mail may go only to `recipients`, or to all if that is None.
    """

    key_id: int | None
    scopes: frozenset[Scope]
    recipients: tuple[str, ...] | None = None

    @property
    def sees_all(self) -> bool:
        return Scope.ADMIN in self.scopes


_OPERATOR: Final = Principal(None, frozenset(Scope))


class Authenticator:
    """Finds out who sends a request. `operator_keys` come from `PRECIEUX_API_KEYS`; the others are rows of `api_keys`.

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
        self._answers: TTLCache[str, ApiKey | None] = TTLCache(_KEPT_ANSWERS, ttl=_BELIEVED_SECONDS)
        self._looked_at: float | None = None
        self._keys_existed = False

    async def principal(self, request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
        """Return the sender of a request. `credentials` are those of the scheme Bearer, if it has any.

        Raises `Problem`: 401, or 403 for other users in protected mode.
        """
        found = await self._find(credentials.credentials.strip()) if credentials else None
        if found is not None:
            return found
        # A client that sends a key relies on it, so a wrong key is an error even where none is needed.
        if "Authorization" in request.headers or await self.keys_existed():
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "This call needs a valid API key, sent as `Authorization: Bearer KEY`.",
                {"WWW-Authenticate": 'Bearer realm="precieux"'},
            )
        reason = why_not_local(request, self._owner_of)
        if reason is not None:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "No API key was made yet, so only the user that runs this server is served, on its own machine,"
                f" and this request is not theirs: {reason}."
                " Make a key with `precieux keys create NAME`, and send it as `Authorization: Bearer KEY`.",
            )
        return _OPERATOR

    async def keys_existed(self) -> bool:
        """Return True if a key has ever existed. The first call records keys of the settings in the database."""
        if self._keys_existed:
            return True
        if self._looked_at is None or time.monotonic() - self._looked_at > _BELIEVED_SECONDS:
            async with self._database.connection() as connection:
                if self._has_operator_keys:
                    await api_keys.remember_settings(connection)
                self._keys_existed = await api_keys.any_ever(connection)
            self._looked_at = time.monotonic()
        return self._keys_existed

    async def _find(self, token: str) -> Principal | None:
        sha256 = api_keys.digest(token)
        if any(hmac.compare_digest(sha256, known) for known in self._operator_digests):
            return _OPERATOR
        try:
            key = self._answers[sha256]
        except KeyError:
            async with self._database.connection() as connection:
                key = await api_keys.find(connection, sha256)
            self._answers[sha256] = key
        return Principal(key.id, key.scopes, key.recipients) if key else None


def require(principal: Principal, scope: Scope) -> None:
    if scope not in principal.scopes and not principal.sees_all:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"This API key lacks the scope `{scope}`: send one that has it, as"
            f" `precieux keys create NAME --scope {scope}` makes it.",
        )
