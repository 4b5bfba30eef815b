"""Runs a job: stores its submission, waits for the end, and reads the stages."""

from typing import Final

from api_service.access.auth import Principal
from api_service.http.problems import Kind, Problem
from api_service.services import Services
from api_service.submissions import cancel
from api_service.submissions.new_submission import NewSubmission
from api_service.v1.reads.visibility import owner_of
from api_service.v1.reads.waiting import wait_until_final
from shared.resources import stages
from shared.resources.stages import Ending

#: Seconds for which a request waits for its result.
WAIT_SECONDS: Final = 60.0


async def store(services: Services, principal: Principal, new: NewSubmission) -> int:
    """Store a submission, request its run, and return its id. Raises `Problem` if a budget forbids it."""
    await services.backlog.check()
    stored = await services.submissions.post(principal, new)
    services.outbox_publisher.wake.set()
    return stored.id


async def ended(services: Services, principal: Principal, upload: int) -> Ending:
    """Return how a submission has ended. Raise `Problem` (503) if that takes too long.

    In that case, cancel it, because its sender has no id to ask for it later.
    """
    await wait_until_final(services, principal, upload, WAIT_SECONDS)
    async with services.database.connection() as connection:
        ending = await stages.ending(connection, services.store, upload, owner=owner_of(principal))
    if ending is None:
        await cancel.cancel(services.database, [upload])
        raise Problem(Kind.UNAVAILABLE, "The job did not end in time; try again in a moment.")
    if ending.failure is not None:
        raise Problem(Kind.UNAVAILABLE, f"The job could not be run: {ending.failure}")
    return ending
