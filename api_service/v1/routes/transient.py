"""Running a program without storing it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from functools import partial
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from api_service.http.errors import Kind
from api_service.http.streaming import PiecewiseResponse, prefetch
from api_service.limits.holds import reserving
from api_service.requests.answers import answer
from api_service.requests.openapi import V1Router
from api_service.requests.port import HeldPlace, hold
from api_service.requests.receive import receiving
from api_service.services import ServicesDep, SubmitterDep
from api_service.v1.body.engine_request import TransientProgram, events_of, transient_program
from api_service.v1.body.read import FORM, JSON, read_submission
from api_service.v1.body.schemas import TEXT, fields_of, form_of
from api_service.v1.body.submission import TransientRunBody
from api_service.v1.events.stream import HEADERS, MEDIA_TYPE, RESPONSES, OutputEvent, event
from api_service.v1.reads.transient_run import TransientResult
from shared.common.http.disconnect import cancel_if_gone
from shared.common.service.logging import get_logger
from shared.engine_api.run_call.events import Output, Started
from shared.records.resources.models import Engine, TransientRun
from shared.records.resources.read import Reserve

log = get_logger(__name__)

router = V1Router(tags=["submissions"])

#: Seconds within which a client must take an event. Meanwhile the program may hold its slot.
_SEND_S: Final = 60.0


class StartedEvent(BaseModel):
    """The program has its slot at the engine."""

    engine: Engine


async def _until_sent() -> AsyncIterator[ExitStack]:
    with ExitStack() as held:
        yield held


#: Holds the place of a run, and the memory of its outputs, until the answer is sent.
_UntilSentDep = Annotated[ExitStack, Depends(_until_sent)]


@router.operation(
    "POST /run",
    "Run a program without storing it",
    "Runs a program at once, and answers with its run. Nothing is stored, and no mail is sent: if the connection"
    " ends, the program is stopped. Of the budgets only `run_seconds` counts. With `Accept: text/event-stream`, the"
    " answer is an event stream: `started`, `stdout` and `stderr` with what a program without tests writes while it"
    " runs, `test` for each test, and `finished` with the run.",
    answer=TransientRun,
    body={JSON: TransientRunBody, FORM: form_of(TransientRunBody), "text/plain": TEXT},
    parameters=fields_of(TransientRunBody),
    problems=[Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    content={MEDIA_TYPE: RESPONSES[200]["content"][MEDIA_TYPE]},
)
async def run_program(
    principal: SubmitterDep, request: Request, services: ServicesDep, until_sent: _UntilSentDep
) -> Response:
    reserve = until_sent.enter_context(reserving(services.response_memory, principal))
    place = until_sent.enter_context(hold(services, principal))
    wants_events = MEDIA_TYPE in request.headers.get("Accept", "")
    async with receiving(request, services, principal) as body:
        make = partial(transient_program, live_output=wants_events)
        program = (await read_submission(request, services, principal, body, make, may_store=False)).new
        del body
    if wants_events:
        pieces = prefetch(_events(place, program, reserve))
        return _RunEvents(await cancel_if_gone(request.receive, pieces))
    return answer(await cancel_if_gone(request.receive, _run(place, program, reserve)))


def _ended(result: TransientResult, reserve: Reserve) -> TransientRun:
    run = result.run()
    texts = [text for test in run.tests or () for text in (test.stdout, test.stderr)]
    texts += [artifact.content for artifact in run.artifacts or ()]
    reserve(sum(len(text or "") for text in texts))
    return run


async def _run(place: HeldPlace, program: TransientProgram, reserve: Reserve) -> TransientRun:
    async with aclosing(events_of(place.events, program)) as events:
        async for _ in events:
            pass
    return _ended(program.result, reserve)


async def _events(place: HeldPlace, program: TransientProgram, reserve: Reserve) -> AsyncGenerator[bytes]:
    async with aclosing(events_of(place.events, program)) as events:
        async for happened, test in events:
            if isinstance(happened, Started):
                yield event("started", StartedEvent(engine=program.result.engine))
            elif isinstance(happened, Output):
                yield event(happened.stream, OutputEvent(text=happened.text))
            elif test is not None:
                yield event("test", test)
    yield event("finished", _ended(program.result, reserve))


class _RunEvents(PiecewiseResponse):
    """The events of a run. If the client has gone or takes none, the program is stopped, even if it writes nothing."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        super().__init__(pieces, MEDIA_TYPE, HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_SEND_S):
                await send(message)

        try:
            await cancel_if_gone(receive, self.stream_response(send_in_time))
        except TimeoutError:
            log.warning("answer.cut_off", error="the client did not take an event in time")
