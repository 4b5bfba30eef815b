"""Cancelling a submission."""

from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep, SubmitterDep
from api_service.submissions.cancel import cancel
from api_service.submissions.service import OnStored
from api_service.v1.protocol.examples import SUBMISSION
from api_service.v1.protocol.idempotency import once
from api_service.v1.protocol.ids import SubmissionId
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from api_service.v1.reads.visibility import require_visible, visible_submission
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
    id: SubmissionId,
    request: Request,
    services: ServicesDep,
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)

    async def work(on_stored: OnStored) -> int:
        if not await cancel(services.database, [id], lambda connection: on_stored(connection, id)):
            raise Problem(Kind.FINAL, "This submission has ended already; only what has not ended can be cancelled.")
        return id

    render = partial(visible_submission, services, principal)
    return await once(request, services, principal, None, work, render, status=HTTPStatus.ACCEPTED)
