"""Lets front ends run programs that are not stored, and store submissions and files. Implements the port of the doors.

Each bound is taken here, so no front end can forget one: a place among the requests that wait, the memory of the
program, run seconds and stored bytes. (The memory of bodies is counted where they arrive: `shared.common.http.bodies`.)
The order is always: hold a place, read the body, release it, run.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from api_service.access.principal import Principal
from api_service.limits import rate_limits
from api_service.requests.receive import receiving, release_body
from api_service.requests.waiting import waiting
from api_service.services import Services
from api_service.submissions.delete import delete
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.service import OnStored
from api_service.transient.conversation import Conversation, connected
from api_service.transient.ended import EndedRun
from shared.common.http.bodies import FREE_BYTES
from shared.common.http.disconnect import cancel_if_gone
from shared.engine_api.event_lines import RunEvent
from shared.records.jobe.files import FileContents, JobeFile, find_files, put_file


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """A place among the requests that wait. Only `hold` makes it, so no program runs without a place."""

    services: Services
    principal: Principal

    @contextmanager
    def memory(self, size: int) -> Iterator[None]:
        max_bytes = self.services.settings.largest_body_bytes
        with self.services.body_memory.hold(self.principal, max(0, min(size, max_bytes) - FREE_BYTES)):
            yield

    async def events(self, program: bytes, *, wait_s: float) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run, as `TransientRuns.events`."""
        with self.memory(len(program)):
            async with aclosing(self.services.transient.events(self.principal, program, wait_s=wait_s)) as events:
                async for event in events:
                    yield event

    async def run(self, request: Request, program: bytes, *, wait_s: float) -> EndedRun:
        # The program takes the place of the body, and no other request gets that memory in between.
        release_body(request)
        with self.memory(len(program)):
            running = self.services.transient.run(self.principal, program, wait_s=wait_s)
            return await cancel_if_gone(request.receive, running)

    @asynccontextmanager
    async def converse(self, program: bytes) -> AsyncIterator[Conversation]:
        """Run a program that gets its input while it runs. Its key is charged from the first event on."""
        seconds = self.services.transient.seconds
        await seconds.check(self.principal)
        conversation = None
        try:
            async with connected(self.services.settings, self.principal, program) as conversation:
                yield conversation
        finally:
            if conversation and conversation.began is not None:
                seconds.charge(self.principal, time.monotonic() - conversation.began)


@contextmanager
def hold(services: Services, principal: Principal) -> Iterator[HeldPlace]:
    """Hold a place among the requests that wait while the block runs. A front end reads its body in the block."""
    with services.waits.hold(principal):
        yield HeldPlace(services, principal)


async def submit(
    services: Services, principal: Principal, new: NewSubmission, on_stored: OnStored | None = None
) -> int:
    """Store a submission, request its run, and return its id. Raises `ApiError` if a bound forbids that."""
    async with services.requesting_runs():
        return (await services.submissions.post(principal, new, on_stored)).id


class ServicesPort:
    """The port of the front doors. The protocols that it implements describe its methods."""

    def __init__(self, services: Services) -> None:
        self.services, self.settings, self.senders = services, services.settings, services.authenticator
        self.response_memory, self.public_url = services.response_memory, services.signer.public_url
        self.database, self.store, self.catalog = services.database, services.store, services.languages.catalog
        self.webhook_allowed_hosts = services.webhooks.webhook_allowed_hosts
        self._contents = FileContents(services.store)
        self.hold, self.submit = partial(hold, services), partial(submit, services)
        self.waiting, self.delete = partial(waiting, services), partial(delete, services.database, services.store)

    async def put_file(self, principal: Principal, id_: str, data: bytes, *, max_bytes: int) -> None:
        if not principal.sees_all:
            async with self.database.transaction() as connection:
                cost = self.services.submissions.costs.source_bytes(principal, len(data))
                await rate_limits.take(connection, [cost])
        await put_file(self.database, self.store, principal.owner, id_, data, max_bytes)

    async def find_files(self, principal: Principal, ids: Collection[str]) -> Mapping[str, JobeFile]:
        return await find_files(self.database, self._contents, principal.owner, ids)

    def receiving(self, request: Request, principal: Principal) -> AbstractAsyncContextManager[bytes]:
        return receiving(request, self.services, principal, counts_refused=False)

    async def workload(self) -> tuple[int, int, int, int]:
        now = await self.services.system_status.get()
        waiting = now.waits["requested"].depth - now.waits["executing"].depth
        return waiting, len(now.running), now.slots, now.failed_jobs
