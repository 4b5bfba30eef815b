"""Creates submissions of Judge0's clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Request

from api_service.access.auth import Principal
from api_service.doors.judge0.access import Submitter, is_local
from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.parameters import Parameters
from api_service.doors.judge0.programs import request_of, submission_of
from api_service.doors.judge0.validation import Invalid, SubmissionRequest, check
from api_service.http.problems import Kind, Problem
from api_service.services import Services, ServicesDep
from api_service.settings import ApiSettings
from api_service.v1.protocol.threads import run_in_thread_if_large
from shared.accounts.webhooks import WebhookSettings
from shared.database.connection import Connection
from shared.http.loopback import is_loopback
from shared.judge0 import store


async def _configuration(request: Request) -> Configuration:
    """Return the configuration, with no limit above what this server can do."""
    configured: Configuration = request.app.state.configuration
    services: Services = request.app.state.services
    settings, catalog = services.settings, await services.languages.catalog()
    return configured.within(
        catalog.bounds, largest_source=settings.max_source_bytes, largest_input=settings.max_input_bytes
    )


ConfigurationDep = Annotated[Configuration, Depends(_configuration)]


def guards_callbacks(settings: ApiSettings, webhooks: WebhookSettings, *, is_local: bool) -> bool:
    """Return True unless server and sender are of one machine, and the operator has not said where webhooks may go.

    Judge0 calls every address. A server that others can reach would open the operator's network to them, and so would
    one that listens on loopback behind a proxy. So the request itself must be from this machine too.
    """
    return not (is_local and is_loopback(settings.host)) or webhooks.webhook_allowed_hosts is not None


def require_open(configuration: Configuration) -> None:
    """Raise `Problem` (503) while nothing may be changed."""
    if configuration.maintenance_mode:
        raise Problem(Kind.UNAVAILABLE, configuration.maintenance_message)


@dataclass(frozen=True, slots=True)
class Creator:
    """Creates the submissions of one request. With `guards_callback`, callbacks go only where webhooks may go."""

    services: Services
    configuration: Configuration
    principal: Principal
    guards_callback: bool

    async def require_room(self, number: int) -> None:
        """Raise `Problem` (503) if the sender's queue has no room for so many more submissions.

        Others' requests do not fill it: for these there is the whole backlog.
        """
        most = self.configuration.max_queue_size
        async with self.services.database.connection() as connection:
            if await store.waiting(connection, self.principal.key_id, most=most + 1) + number > most:
                raise Problem(Kind.UNAVAILABLE, "queue is full")

    async def checked(
        self, sent: Sequence[Parameters], *, base64: bool, size: int
    ) -> list[SubmissionRequest | Invalid]:
        """Return the checked requests, with `Invalid` in place of those with faults. `size` is that of the body."""
        catalog = await self.services.languages.catalog()

        def check_one(parameters: Parameters) -> SubmissionRequest | Invalid:
            try:
                return check(parameters, catalog, self.configuration, base64=base64)
            except Invalid as exc:
                return exc

        return await run_in_thread_if_large(size, lambda: [check_one(parameters) for parameters in sent])

    async def create(self, asked: SubmissionRequest) -> tuple[int, UUID]:
        """Store a submission, request its run, and return its id and its token. Raises `Problem`."""
        services = self.services
        bounds = asked.language.engine_language.limits if asked.language.engine_language else {}
        if not bounds:
            raise Problem(Kind.UNAVAILABLE, "The engine has not reported its limits yet; try again in a few seconds.")
        await services.backlog.check()
        most = len(asked.source or b"") + self.configuration.max_extract_size * 1024
        largest = min(services.settings.max_source_bytes, most)
        # It unpacks the additional files.
        size = len(asked.additional_files or b"")
        new = await run_in_thread_if_large(size, lambda: submission_of(asked, bounds, largest_program=largest))
        request = {**request_of(asked), "guards_callback": self.guards_callback}
        token = uuid4()

        async def remember(connection: Connection, upload: int) -> None:
            await store.remember(connection, upload, token, request)

        stored = await services.submissions.post(self.principal, new, remember)
        services.outbox_publisher.wake.set()
        return stored.id, token


async def _creator(
    request: Request, principal: Submitter, services: ServicesDep, configuration: ConfigurationDep
) -> Creator:
    guards = guards_callbacks(services.settings, services.webhooks, is_local=is_local(request, services))
    return Creator(services, configuration, principal, guards)


CreatorDep = Annotated[Creator, Depends(_creator)]
