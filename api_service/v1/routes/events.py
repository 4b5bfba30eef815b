"""The events of a submission, as a stream."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api_service.events import reads
from api_service.events.event_log import Position, unsent
from api_service.http.problems import Kind
from api_service.services import ReaderDep, ServicesDep
from api_service.v1.events.stream import LAST_EVENT_ID, RESPONSES, event_stream
from api_service.v1.events.submission import submission_events
from api_service.v1.protocol.ids import SubmissionId
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from api_service.v1.reads.visibility import owner_of, refuse_unknown

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
    snapshot = await reads.read(services.database, id)
    if snapshot is None or owner_of(principal) not in (None, snapshot.owner):
        refuse_unknown()
    read_query(request)
    last = Position.parse(request.headers.get("Last-Event-ID", ""))
    if last is not None and last.is_last and not unsent(snapshot, last):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return await event_stream(request, submission_events(services, principal, id, last))
