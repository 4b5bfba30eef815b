"""Checks Judge0's two tokens. Any API key authenticates its sender; a key with the scope `admin` also authorizes."""

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from api_service.access.auth import Principal, require
from api_service.http.problems import Kind, Problem
from api_service.services import Services, ServicesDep, credentials_of
from shared.accounts import api_keys
from shared.accounts.api_keys import Scope

_TOKEN, _USER = "X-Auth-Token", "X-Auth-User"
#: Header fields of Judge0's clients. In protected mode, they would look like header fields of a proxy, and be refused.
_OF_CLIENTS: Final = frozenset({b"x-auth-token", b"x-auth-user", b"x-rapidapi-key", b"x-rapidapi-host"})
_OF_JUDGE0: Final = b"x-judge0-"


def is_local(request: Request, services: Services) -> bool:
    """Return True if a request is from the user that runs this server, on this machine, and no proxy forwarded it."""
    return services.authenticator.why_not_local(_without_own_fields(request)) is None


def _sent(request: Request, name: str) -> str:
    """Return a token from its header field, or from the parameter of the same name."""
    return (request.headers.get(name) or request.query_params.get(name) or "").strip()


def _without_own_fields(request: Request) -> Request:
    fields = [
        (name, value)
        for name, value in request.scope["headers"]
        if name not in _OF_CLIENTS and not name.startswith(_OF_JUDGE0)
    ]
    return Request({**request.scope, "headers": fields})


async def _sender(request: Request, services: Services, scope: Scope) -> Principal:
    """Return the authenticated sender. Raises `Problem`: 401, or 403 without this scope."""
    token = _sent(request, _TOKEN)
    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token) if token else None
    credentials = credentials or await credentials_of(request)
    principal = await services.authenticator.principal(_without_own_fields(request), credentials)
    require(principal, scope)
    return principal


async def _submitter(request: Request, services: ServicesDep) -> Principal:
    return await _sender(request, services, Scope.SUBMIT)


async def _reader(request: Request, services: ServicesDep) -> Principal:
    return await _sender(request, services, Scope.READ)


async def _admin(request: Request, services: ServicesDep) -> Principal:
    """Return the authorized sender, who sees all. Raises `Problem`: 401 or 403."""
    await _sender(request, services, Scope.READ)
    user = _sent(request, _USER)
    principal = await services.authenticator.valid(api_keys.digest(user)) if user else None
    if principal is None or not principal.sees_all:
        raise Problem(Kind.FORBIDDEN, "")
    return principal


#: The sender of a request, who may submit.
Submitter = Annotated[Principal, Depends(_submitter)]
#: The sender of a request, who may read.
Reader = Annotated[Principal, Depends(_reader)]
#: The sender of a request, who sees all submissions.
Admin = Annotated[Principal, Depends(_admin)]
