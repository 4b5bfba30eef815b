"""Cancelling a submission."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api_service.cancelling import cancel
from api_service.dependencies import ServicesDep, SubmitterDep
from api_service.submissions import Settle
from api_service.v1.examples import SUBMISSION
from api_service.v1.idempotency import once
from api_service.v1.ids import SubmissionId
from api_service.v1.openapi import operation
from api_service.v1.problems import Kind, V1Problem
from api_service.v1.validation import read_query
from api_service.v1.visibility import owner_of, refuse_unknown, require_visible
from shared.resources import read
from shared.resources.links import Links
from shared.resources.models import Submission

router = APIRouter(tags=["submissions"])


@router.post(
    "/submissions/{id}/cancel",
    **operation(
        "cancel_submission",
        "Cancel a submission",
        "What is held or queued is cancelled at once; a program that runs is killed within a second. No mail is sent.",
        answer=Submission,
        status=HTTPStatus.ACCEPTED,
        example={**SUBMISSION, "state": "cancelled", "verdict": None, "run": None},
        problems=[Kind.NOT_FOUND, Kind.FINAL, Kind.REQUEST_UNDER_WAY, Kind.KEY_REUSED],
    ),
)
async def cancel_submission(
    principal: SubmitterDep,
    id: SubmissionId,  # noqa: A002
    request: Request,
    services: ServicesDep,
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)

    async def work(settle: Settle) -> int:
        if not await cancel(services.database, [id], lambda connection: settle(connection, id)):
            raise V1Problem(Kind.FINAL, "This submission has ended already; only what has not ended can be cancelled.")
        return id

    async def render(made: int) -> Submission:
        async with services.database.connection() as connection:
            found = await read.submission(connection, made, links=Links(services.signer), owner=owner_of(principal))
        return found or refuse_unknown()

    return await once(request, services, principal, None, work, render, status=HTTPStatus.ACCEPTED)
