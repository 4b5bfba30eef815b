"""Judge0's two tokens. Any API key authenticates its sender; a key with the scope `admin` also authorizes."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api_service.access.auth import Principal
from api_service.doors.door import Reader, bearer
from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep
from shared.accounts import api_keys


def key_of(connection: HTTPConnection) -> str:
    return _sent(connection, "X-Auth-Token") or bearer(connection)


def _sent(connection: HTTPConnection, name: str) -> str:
    """Return a token from its header field, or from the parameter of the same name."""
    return (connection.headers.get(name) or connection.query_params.get(name) or "").strip()


async def _admin(_: Reader, request: Request, services: ServicesDep) -> Principal:
    """Return the authorized sender, who sees all. Raises `Problem`: 401 or 403."""
    user = _sent(request, "X-Auth-User")
    principal = await services.authenticator.valid(api_keys.digest(user)) if user else None
    if principal is None or not principal.sees_all:
        raise Problem(Kind.FORBIDDEN, "")
    return principal


#: The sender of a request, who sees all submissions.
Admin = Annotated[Principal, Depends(_admin)]
