"""A submission: state and latest run, events, cancelling and deleting."""

from functools import partial
from http import HTTPStatus

from fastapi import Request, Response

from api_service.events import reads
from api_service.events.event_log import EventPosition, unsent
from api_service.http.errors import ApiError, Kind
from api_service.requests.answers import ETAG, IF_NONE_MATCH, SAME, conditional
from api_service.requests.idempotency import once
from api_service.requests.ids import SubmissionId
from api_service.requests.openapi import V1Router
from api_service.requests.prefer import PREFER, PREFERENCE_APPLIED, WaitQuery, wait_of
from api_service.requests.validation import read_query
from api_service.requests.visibility import refuse_unknown, require_visible, visible_submission
from api_service.requests.waiting import waiting
from api_service.services import ReaderDep, ReserveDep, ServicesDep, SubmitterDep
from api_service.submissions.cancel import cancel
from api_service.submissions.delete import delete
from api_service.submissions.service import OnStored
from api_service.v1.events.stream import LAST_EVENT_ID, RESPONSES, event_stream
from api_service.v1.events.submission import submission_events
from api_service.v1.reads import junit
from api_service.v1.reads.query import read_query_of
from shared.common.http.disconnect import cancel_if_gone
from shared.records.resources.models import Submission

router = V1Router(tags=["submissions"])


class SubmissionQuery(WaitQuery, junit.FormatQuery):
    """The query of a submission's answer."""


@router.operation(
    "GET /submissions/{id}",
    "Get a submission",
    "Its state, its latest run and where to read more. With `wait`, the answer waits for the result. `format=junit` has"
    " the tests of the run.",
    answer=Submission,
    query=SubmissionQuery,
    parameters=[PREFER, IF_NONE_MATCH],
    headers={**ETAG, **PREFERENCE_APPLIED},
    problems=[Kind.TOO_MANY, Kind.CONFLICT],
    responses=SAME,
    content=junit.CONTENT,
)
async def get_submission(
    principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep, reserve: ReserveDep
) -> Response:
    query = await read_query_of(request, services, principal, id, SubmissionQuery)
    wait = wait_of(request, query)
    with waiting(services, principal, wait.seconds) as waiter:
        await cancel_if_gone(request.receive, waiter.until_final(id))
    submission = await visible_submission(services, principal, id, reserve)
    if query.format is not None:
        return junit.answer(request, submission.entry or "", submission.run)
    return conditional(request, submission, wait.headers)


@router.operation(
    "DELETE /submissions/{id}",
    "Delete a submission",
    "Removes it with its files, results, mails and webhooks. Its id is not used again.",
    status=HTTPStatus.NO_CONTENT,
    problems=[Kind.UNDER_WAY],
    responses={HTTPStatus.NO_CONTENT: {"description": "It is deleted."}},
)
async def delete_submission(
    principal: SubmitterDep, id: SubmissionId, request: Request, services: ServicesDep
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)
    if not await delete(services.database, services.store, id):
        refuse_unknown()
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.operation(
    "POST /submissions/{id}/cancel",
    "Cancel a submission",
    "What is held or queued is cancelled at once; a program that runs is killed within a second. No mail is sent.",
    answer=Submission,
    status=HTTPStatus.ACCEPTED,
    problems=[Kind.FINAL],
    idempotent=True,
)
async def cancel_submission(
    principal: SubmitterDep, id: SubmissionId, request: Request, services: ServicesDep
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)

    async def work(on_stored: OnStored) -> int:
        if not await cancel(services.database, [id], lambda connection: on_stored(connection, id)):
            raise ApiError(Kind.FINAL, "This submission has ended already; only what has not ended can be cancelled.")
        return id

    render = partial(visible_submission, services, principal)
    return await once(request, services, principal, None, work, render, status=HTTPStatus.ACCEPTED)


@router.operation(
    "GET /submissions/{id}/events",
    "Follow a submission",
    "A stream of Server-Sent Events: `state` and `test` events of the latest run, and `finished` with the"
    " submission at its end. It begins with what has happened already. If the submission has `live_output`, there"
    " are also `stdout` and `stderr` with what the program writes while it runs, as far as that can be had.",
    parameters=[LAST_EVENT_ID],
    problems=[Kind.TOO_MANY],
    responses=RESPONSES,
)
async def stream_submission_events(
    request: Request, principal: ReaderDep, services: ServicesDep, id: SubmissionId
) -> Response:
    snapshot = await reads.read(services.database, id)
    if snapshot is None or principal.visible_owner not in (None, snapshot.owner):
        refuse_unknown()
    read_query(request)
    last = EventPosition.parse(request.headers.get("Last-Event-ID", ""))
    if last is not None and last.is_last and not unsent(snapshot, last):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return await event_stream(request, submission_events(services, principal, id, last))
