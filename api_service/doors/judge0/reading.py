"""Reads submissions for Judge0's clients."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from api_service.access.auth import Principal
from api_service.doors.judge0.parameters import Shown
from api_service.doors.judge0.refusals import bad_request
from api_service.http.problems import Kind, Problem
from api_service.services import Services
from api_service.v1.reads.visibility import owner_of
from shared.judge0 import store
from shared.judge0.fields import NotText, shown

_ONE: Final = "this submission"
_SEVERAL: Final = "one or more submissions"


def token_of(text: str) -> UUID | None:
    """Return the text as a token; None if it is not one."""
    try:
        token = UUID(text)
    except ValueError:
        return None
    return token if str(token) == text.lower() else None


async def upload_of(services: Services, principal: Principal, text: str) -> int:
    """Return the id of a submission. Raises `Problem` (404) if there is none, or if the sender may not see it."""
    token = token_of(text)
    async with services.database.connection() as connection:
        found = token and await store.upload_of(connection, token, owner=owner_of(principal))
    if not found:
        raise Problem(Kind.NOT_FOUND, "")
    return found


async def read_one(services: Services, principal: Principal, text: str, how: Shown) -> dict[str, Any]:
    """Return a submission. Raises `Problem`: 404, or 400 if it needs base64."""
    [one] = await _read(services, principal, [token_of(text)], how, _ONE)
    if one is None:
        raise Problem(Kind.NOT_FOUND, "")
    return one


async def read_all(
    services: Services, principal: Principal, tokens: Sequence[UUID | None], how: Shown
) -> list[dict[str, Any] | None]:
    """Return submissions in their order, with None for those that do not exist or that the sender may not see."""
    return await _read(services, principal, tokens, how, _SEVERAL)


async def _read(
    services: Services, principal: Principal, tokens: Sequence[UUID | None], how: Shown, what: str
) -> list[dict[str, Any] | None]:
    known = [token for token in tokens if token is not None]
    async with services.database.connection() as connection:
        weights = await store.weights(connection, known, owner=owner_of(principal))
    with services.response_memory.hold(principal, sum(weights.get(token, 0) for token in known)):
        return [
            await _one(services, token, how, what) if token is not None and token in weights else None
            for token in tokens
        ]


async def _one(services: Services, token: UUID, how: Shown, what: str) -> dict[str, Any] | None:
    async with services.database.connection() as connection:
        one = await store.find(connection, services.store, token, with_source=how.has_source)
    if one is None:
        return None
    try:
        return shown(one, how.fields, base64=how.base64)
    except NotText:
        raise bad_request(not_text(what)) from None


def not_text(what: str = _ONE) -> str:
    """Return the message that a submission cannot be shown without base64."""
    return f"some attributes for {what} cannot be converted to UTF-8, use base64_encoded=true query parameter"
