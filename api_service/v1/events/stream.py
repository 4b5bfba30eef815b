"""An event stream as an answer (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

from api_service.http.openapi import request_header
from api_service.http.streaming import PiecewiseResponse, prefetch
from shared.common.http.bounded_protocol import stop_counting

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MEDIA_TYPE: Final = EventSourceResponse.media_type
#: Clients that read lines with httpx or `str.splitlines` end them here too. JSON has an escape for each.
_TAKEN_FOR_LINE_ENDS: Final = "\x85\u2028\u2029"
#: The whole stream. It has no type, because generators of clients take it for text, and others for a list of events.
_EVENTS: Final[dict[str, Any]] = {"examples": ['event: state\ndata: {"state": "queued"}\nid: 1\n\n']}
#: One event, as OpenAPI 3.2 describes it. In 3.1, generators of clients stop at a name without `x-`.
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "description": "The name of the event."},
        "data": {"type": "string", "description": "JSON.", "contentMediaType": "application/json"},
        "id": {"type": "string", "description": "The id for `Last-Event-ID`."},
    },
    "required": ["event", "data"],
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The events.",
        "content": {MEDIA_TYPE: {"schema": _EVENTS, "x-item-schema": _EVENT}},
    },
    204: {"description": "The client has had the last event, and nothing new runs: it need not connect again."},
}
LAST_EVENT_ID: Final = request_header(
    "Last-Event-ID",
    "The id of the last event that the client has had. The stream goes on after it. An unknown one is ignored.",
)


class OutputEvent(BaseModel):
    """Has what the program wrote to this stream since the event before. U+FFFD stands for what is not UTF-8."""

    text: str


def event(name: str, data: BaseModel, event_id: str | None = None) -> bytes:
    """Return an event as the stream carries it."""
    text = data.model_dump_json()
    for letter in _TAKEN_FOR_LINE_ENDS:
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return format_sse_event(data_str=text, event=name, id=event_id)


async def event_stream(request: Request, pieces: AsyncGenerator[bytes]) -> Response:
    """Return the stream of these pieces. An error in the first one is raised here, so that it can be the answer."""
    begun = await prefetch(pieces)
    # Streams are counted by key.
    stop_counting(request.scope)
    return PiecewiseResponse(begun, MEDIA_TYPE, HEADERS)
