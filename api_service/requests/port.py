"""The port of the front ends: by it they run programs that are not stored, and store submissions and files.

Each bound is taken here, so no front end can forget one: a place among the requests that wait, the memory of the
program, run seconds and stored bytes. (The memory of bodies is counted where they arrive: `shared.common.http.bodies`.)
The order is always: hold a place, read the body, release it, run.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from api_service.access.auth import Principal
from api_service.limits import rate_limits
from api_service.requests.receive import release_body
from api_service.services import Services
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.service import OnStored
from api_service.transient.conversation import Conversation, converse
from api_service.transient.runs import EndedRun
from shared.common.http.bodies import FREE_BYTES
from shared.common.http.disconnect import cancel_if_gone
from shared.engine_api.event_lines import RunEvent


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the requests that wait. Only `Port.hold` makes it, so no program runs without one."""

    services: Services
    principal: Principal

    @contextmanager
    def memory(self, size: int) -> Iterator[None]:
        """Hold the memory of a program or of its files while the block runs. Raises `ApiError` (503)."""
        largest = self.services.settings.largest_body_bytes
        with self.services.body_memory.hold(self.principal, max(0, min(size, largest) - FREE_BYTES)):
            yield

    async def events(self, program: bytes, *, wait_s: float) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run, as `TransientRuns.events`."""
        with self.memory(len(program)):
            async with aclosing(self.services.transient.events(self.principal, program, wait_s=wait_s)) as events:
                async for event in events:
                    yield event

    async def run(self, request: Request, program: bytes, *, wait_s: float) -> EndedRun:
        """Return the run of a program when it has ended. If the client has gone, the program is stopped."""
        # The program takes the place of the body, and no other request gets that memory in between.
        release_body(request)
        with self.memory(len(program)):
            running = self.services.transient.run(self.principal, program, wait_s=wait_s)
            return await cancel_if_gone(request.receive, running)

    def converse(self, program: bytes) -> AbstractAsyncContextManager[Conversation]:
        """Run a program that gets its input while it runs."""
        return converse(self.services.settings, self.services.transient.seconds, self.principal, program)


@dataclass(frozen=True, slots=True)
class Port:
    """What front ends may do. Each method raises `ApiError` if a bound forbids it."""

    services: Services

    @contextmanager
    def hold(self, principal: Principal) -> Iterator[Place]:
        """Hold a place among the requests that wait while the block runs. A front end reads its body in the block."""
        with self.services.waits.hold(principal):
            yield Place(self.services, principal)

    async def submit(self, principal: Principal, new: NewSubmission, on_stored: OnStored | None = None) -> int:
        """Store a submission, request its run, and return its id."""
        async with self.services.requesting_runs():
            return (await self.services.submissions.post(principal, new, on_stored)).id

    async def take_bytes(self, principal: Principal, size: int) -> None:
        """Count bytes that are about to be stored, as those of sources and inputs are counted."""
        if not principal.sees_all:
            async with self.services.database.transaction() as connection:
                await rate_limits.take(connection, [self.services.submissions.costs.source_bytes(principal, size)])
