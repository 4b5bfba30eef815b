"""The sender of a request, and the check of its scopes. `api_service.access.authenticator` finds it."""

from dataclasses import dataclass
from typing import Final

from fastapi.security import HTTPBearer

from api_service.http.errors import ApiError, Kind
from shared.records.accounts.scopes import Scope

BEARER: Final = HTTPBearer(
    scheme_name="apiKey",
    description="An API key, as `precieux keys create NAME` prints it. Until the first key exists (protected mode), the"
    " user that runs the server needs none on the same machine.",
    # `Authenticator` answers with a problem document instead.
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. `key_id` is None for the local user in protected mode, and for keys of the settings.

    It may mail only `recipients`, or all addresses if that is None. Its programs may use `run_seconds` an hour: None
    for those of the settings, 0 for any.
    """

    key_id: int | None
    scopes: frozenset[Scope]
    recipients: tuple[str, ...] | None = None
    run_seconds: int | None = None

    @property
    def sees_all(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def owner(self) -> int:
        """The number under which the sender's things are kept. Keys of the settings, and the local user, share 0."""
        return self.key_id or 0

    @property
    def visible_owner(self) -> int | None:
        """The key whose things the sender may see; None if it may see all."""
        assert self.sees_all or self.key_id is not None, "only the operator has no key, and sees all"
        return None if self.sees_all else self.key_id


def require(principal: Principal, scope: Scope, *more_scopes: Scope) -> None:
    """Raise `ApiError` (403) if the principal has neither the scope nor one of the others."""
    if principal.scopes.isdisjoint((scope, *more_scopes)) and not principal.sees_all:
        raise ApiError(
            Kind.FORBIDDEN,
            f"This API key lacks the scope `{scope}`: send a key that has it."
            f" `precieux keys create NAME --scope {scope}` creates one.",
        )
