"""What the routes are given, made once by `api_service.app`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api_service.relay import Relay
from api_service.settings import ApiSettings
from shared.database import Database
from shared.storage.base import ObjectStore
from shared.storage.signing import LinkSigner


@dataclass(frozen=True, slots=True)
class Services:
    settings: ApiSettings
    database: Database
    store: ObjectStore
    relay: Relay
    #: Verifies links to the local store; None when the store serves its own.
    signer: LinkSigner | None


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
