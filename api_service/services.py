"""The dependencies of the routes. `api_service.__main__` makes them once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from api_service.access.authenticator import Authenticator
from api_service.access.principal import BEARER, Principal, require
from api_service.background.outbox_notifier import OutboxNotifier
from api_service.background.outbox_publisher import OutboxPublisher
from api_service.background.readiness import Readiness
from api_service.cached import CachedFor
from api_service.events.notifications import Notifications
from api_service.events.streams import Streams
from api_service.languages.catalog_reader import CatalogReader
from api_service.limits.backlog import BacklogGuard
from api_service.limits.holds import ConcurrencyLimit, KeySemaphore, reserving
from api_service.settings import ApiSettings
from api_service.submissions.classic_list import ClassicList
from api_service.submissions.posted_positions import QueuePositions
from api_service.submissions.service import Submissions
from api_service.transient.runs import TransientRuns
from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.scopes import Scope
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.operations.system_status import SystemStatus
from shared.records.resources.links import Links
from shared.records.resources.read import Reserve

#: Requests of one key whose bodies are read at once.
_MAX_READING: Final = 2


@dataclass(frozen=True, slots=True)
class Services:
    settings: ApiSettings
    database: Database
    store: ObjectStore
    submissions: Submissions
    languages: CatalogReader
    classic_list: ClassicList
    body_memory: ConcurrencyLimit
    readiness: Readiness
    backlog: BacklogGuard
    outbox_publisher: OutboxPublisher | OutboxNotifier
    authenticator: Authenticator
    signer: LinkSigner
    response_memory: ConcurrencyLimit
    notifications: Notifications
    streams: Streams
    waits: ConcurrencyLimit
    queue_positions: QueuePositions
    #: Who signs webhooks, and where they may go.
    webhooks: WebhookSettings
    #: Those of the broker, for the operator's page.
    dead_letters: DeadLetters
    system_status: CachedFor[SystemStatus]
    transient: TransientRuns
    #: Turns of requests whose bodies are parsed, checked and stored. Until it is checked, a body may have any values,
    #: which take many times its bytes in memory.
    body_semaphore: KeySemaphore = field(default_factory=lambda: KeySemaphore(_MAX_READING))
    #: The turn of the package whose files are stored.
    package_semaphore: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def links(self) -> Links:
        return Links(self.signer)

    @asynccontextmanager
    async def requesting_runs(self) -> AsyncIterator[None]:
        """Let the block request runs, and have them published. Raises `ApiError` (503) if too many wait already."""
        await self.backlog.check()
        yield
        self.outbox_publisher.wake.set()


# A coroutine, because FastAPI would run a plain function in a thread at every request.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


CredentialsDep = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


def _sender(*scopes: Scope) -> Any:
    """Return the dependency that finds the sender of a request, and raises `ApiError` (403) if it has no such scope."""

    # Each further dependency costs time at every request, so this one asks for little.
    async def find(request: Request, credentials: CredentialsDep) -> Principal:
        services: Services = request.app.state.services
        principal = await services.authenticator.principal(request, credentials)
        require(principal, *scopes)
        return principal

    return Depends(find)


SubmitterDep = Annotated[Principal, _sender(Scope.SUBMIT)]
ReaderDep = Annotated[Principal, _sender(Scope.READ)]
SetterDep = Annotated[Principal, _sender(Scope.PROBLEMS)]
ProblemReaderDep = Annotated[Principal, _sender(Scope.READ, Scope.PROBLEMS)]


async def _reserve(services: ServicesDep, principal: ReaderDep) -> AsyncIterator[Reserve]:
    with reserving(services.response_memory, principal) as reserve:
        yield reserve


#: Holds the memory of the outputs of an answer's tests until the answer is sent.
ReserveDep = Annotated[Reserve, Depends(_reserve)]
