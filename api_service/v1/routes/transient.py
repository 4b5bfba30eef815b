"""Running a program without storing it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from api_service.access.auth import Principal
from api_service.http.errors import Kind
from api_service.http.streaming import PiecewiseResponse, prefetch
from api_service.services import Services, ServicesDep, SubmitterDep
from api_service.transient.disconnect import while_connected
from api_service.v1.body.engine_request import TransientProgram, transient_program
from api_service.v1.body.read import FORM, JSON, read_run
from api_service.v1.body.receive import receiving
from api_service.v1.body.schemas import TEXT, fields_of, form_of
from api_service.v1.body.submission import TransientRunBody
from api_service.v1.events.stream import HEADERS, MEDIA_TYPE, RESPONSES, event
from api_service.v1.protocol.answers import answer
from api_service.v1.protocol.openapi import operation
from api_service.v1.reads.transient_run import TransientResult
from shared.engine.run_call import Output, Started
from shared.http.disconnect import cancel_if_gone
from shared.resources.models import Engine, TransientRun

router = APIRouter(tags=["submissions"])

#: Seconds within which the engine must begin to run the program.
_WAIT_S: Final = 10.0


class StartedEvent(BaseModel):
    """The program has its slot at the engine."""

    engine: Engine


class OutputEvent(BaseModel):
    """What the program has written since the last event of this stream, with U+FFFD for what is not UTF-8."""

    text: str


@router.post(
    "/run",
    **operation(
        "run_program",
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
    ),
)
async def run_program(principal: SubmitterDep, request: Request, services: ServicesDep) -> Response:
    wants_events = MEDIA_TYPE in request.headers.get("Accept", "")
    async with receiving(request, services, principal) as body:
        new = await read_run(request, services, principal, body)
        program = transient_program(new, live_output=wants_events)
        del new, body
    if wants_events:
        return _RunEvents(await prefetch(_events(services, principal, program)))
    return answer(await while_connected(request, _run(services, principal, program)))


async def _run(services: Services, principal: Principal, program: TransientProgram) -> TransientRun:
    result = TransientResult(program.tests, is_interactive=program.is_interactive)
    with services.waits.hold(principal):
        runs = services.transient.events(principal, program.request, wait_s=_WAIT_S)
        async with aclosing(runs) as events:
            async for happened in events:
                result.add(happened)
    return result.run()


async def _events(services: Services, principal: Principal, program: TransientProgram) -> AsyncGenerator[bytes]:
    result = TransientResult(program.tests, is_interactive=program.is_interactive)
    with services.waits.hold(principal):
        runs = services.transient.events(principal, program.request, wait_s=_WAIT_S)
        async with aclosing(runs) as events:
            async for happened in events:
                test = result.add(happened)
                if isinstance(happened, Started):
                    yield event("started", StartedEvent(engine=result.engine))
                elif isinstance(happened, Output):
                    yield event(happened.stream, OutputEvent(text=happened.text))
                elif test is not None:
                    yield event("test", test)
    yield event("finished", result.run())


class _RunEvents(PiecewiseResponse):
    """The events of a run. If the client has gone, the program is stopped, even if it writes nothing."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        super().__init__(pieces, MEDIA_TYPE, HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await cancel_if_gone(receive, self.stream_response(send))
