"""One submission: its state and latest run."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api_service.http.problems import Kind
from api_service.services import ReaderDep, ReserveDep, ServicesDep, SubmitterDep
from api_service.submissions.delete import delete
from api_service.v1.protocol.etags import ETAG, IF_NONE_MATCH, conditional
from api_service.v1.protocol.examples import SUBMISSION
from api_service.v1.protocol.ids import SubmissionId
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from api_service.v1.reads.visibility import owner_of, read_query_of, refuse_unknown, require_visible
from api_service.v1.reads.waiting import PREFER, PREFERENCE_APPLIED, WaitQuery, reserved, wait_of, wait_until_final
from shared.resources import read
from shared.resources.models import Submission

router = APIRouter(tags=["submissions"])


@router.get(
    "/submissions/{id}",
    **operation(
        "get_submission",
        "Get a submission",
        "Its state, its latest run and where to read more. With `wait`, the answer waits for the result.",
        answer=Submission,
        example=SUBMISSION,
        query=WaitQuery,
        parameters=[PREFER, IF_NONE_MATCH],
        headers={**ETAG, **PREFERENCE_APPLIED},
        problems=[Kind.NOT_FOUND, Kind.TOO_MANY],
        responses={HTTPStatus.NOT_MODIFIED: {"description": "It is as `If-None-Match` names it.", "headers": ETAG}},
    ),
)
async def get_submission(
    principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep, reserve: ReserveDep
) -> Response:
    query = await read_query_of(request, services, principal, id, WaitQuery)
    wait = wait_of(request, query)
    with reserved(services, principal, wait.seconds):
        await wait_until_final(services, principal, id, wait.seconds)
    async with services.database.connection() as connection:
        submission = await read.submission(
            connection, id, links=services.links, owner=owner_of(principal), reserve=reserve
        )
    return conditional(request, submission or refuse_unknown(), wait.headers)


@router.delete(
    "/submissions/{id}",
    **operation(
        "delete_submission",
        "Delete a submission",
        "Removes it with its files, results, mails and webhooks. Its id is not used again.",
        status=HTTPStatus.NO_CONTENT,
        problems=[Kind.NOT_FOUND, Kind.UNDER_WAY],
        responses={HTTPStatus.NO_CONTENT: {"description": "It is deleted."}},
    ),
)
async def delete_submission(
    principal: SubmitterDep,
    id: SubmissionId,
    request: Request,
    services: ServicesDep,
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)
    if not await delete(services.database, services.store, id):
        refuse_unknown()
    return Response(status_code=HTTPStatus.NO_CONTENT)
