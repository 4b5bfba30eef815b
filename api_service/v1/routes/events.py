"""The events of a submission, as a stream."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api_service import snapshots
from api_service.dependencies import ReaderDep, ServicesDep
from api_service.event_log import Position, unsent
from api_service.problems import Kind
from api_service.v1.event_stream import LAST_EVENT_ID, RESPONSES, event_stream
from api_service.v1.ids import SubmissionId
from api_service.v1.openapi import operation
from api_service.v1.submission_events import submission_events
from api_service.v1.validation import read_query
from api_service.v1.visibility import owner_of, refuse_unknown

router = APIRouter(tags=["submissions"])


@router.get(
    "/submissions/{id}/events",
    **operation(
        "stream_submission_events",
        "Follow a submission",
        "A stream of Server-Sent Events: `state` and `test` events of the latest run, and `finished` with the"
        " submission at its end. It begins with what has happened already.",
        parameters=[LAST_EVENT_ID],
        problems=[Kind.NOT_FOUND, Kind.TOO_MANY],
        responses=RESPONSES,
    ),
)
async def stream_submission_events(
    request: Request,
    principal: ReaderDep,
    services: ServicesDep,
    id: SubmissionId,
) -> Response:
    snapshot = await snapshots.read(services.database, id)
    if snapshot is None or owner_of(principal) not in (None, snapshot.owner):
        refuse_unknown()
    read_query(request)
    last = Position.parse(request.headers.get("Last-Event-ID", ""))
    if last is not None and last.is_last and not unsent(snapshot, last):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return await event_stream(request, submission_events(services, principal, id, last))
