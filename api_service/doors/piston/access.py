"""The dependencies of this front door's routes."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection, Request

from api_service.access.auth import Principal, require
from api_service.doors.piston.runtimes import Runtime, runtimes_of
from api_service.doors.piston.settings import PistonSettings
from api_service.services import Services, ServicesDep
from shared.accounts.api_keys import Scope

_BEARER: Final = "bearer "


def credentials_of(connection: HTTPConnection) -> HTTPAuthorizationCredentials | None:
    """Return the API key of a request. Clients of Piston send it with or without the scheme `Bearer`."""
    sent = connection.headers.get("Authorization", "").strip()
    key = sent[len(_BEARER) :] if sent.lower().startswith(_BEARER) else sent
    return HTTPAuthorizationCredentials(scheme="Bearer", credentials=key) if key else None


async def _settings(connection: HTTPConnection) -> PistonSettings:
    settings: PistonSettings = connection.app.state.settings
    return settings


async def _reader(request: Request, services: ServicesDep) -> Principal:
    return await services.authenticator.principal(request, credentials_of(request))


async def submitter(connection: HTTPConnection, services: Services) -> Principal:
    """Return the sender of a request, who may submit. Raises `Problem`: 401 or 403."""
    principal = await services.authenticator.principal(connection, credentials_of(connection))
    require(principal, Scope.SUBMIT)
    return principal


async def _submitter(request: Request, services: ServicesDep) -> Principal:
    return await submitter(request, services)


async def runtimes_now(services: Services) -> list[Runtime]:
    """Return the runtimes that the engine offers."""
    return runtimes_of(await services.languages.catalog())


async def _runtimes(services: ServicesDep) -> list[Runtime]:
    return await runtimes_now(services)


SettingsDep = Annotated[PistonSettings, Depends(_settings)]
#: A sender with a key of any scope.
ReaderDep = Annotated[Principal, Depends(_reader)]
#: The sender of a request, who may submit.
SubmitterDep = Annotated[Principal, Depends(_submitter)]
RuntimesDep = Annotated[Sequence[Runtime], Depends(_runtimes)]
