"""The event stream of a submission: what has happened, and then what happens, until it ends."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT
from pydantic import BaseModel

from api_service.access.principal import Principal
from api_service.events import reads
from api_service.events.event_log import (
    Event,
    EventPosition,
    Snapshot,
    StateEntered,
    SubmissionFinished,
    TestFinished,
    unsent,
)
from api_service.events.streams import Stream
from api_service.http.errors import ApiError
from api_service.limits.holds import reserving
from api_service.services import Services
from api_service.v1.events.stream import OutputEvent, event
from shared.records.resources import read
from shared.records.resources.models import Resource, Submission, Test, Time
from shared.records.resources.states import FINAL_STATES, State

#: Tests that are read and kept in memory at once.
_TESTS_AT_ONCE: Final = 8
#: Seconds to wait before another try while other answers hold the memory that an event needs.
_ROOM_SECONDS: Final = 1.0

T = TypeVar("T")


class StateEvent(Resource):
    """The submission has entered a state."""

    state: State
    at: Time


async def submission_events(
    services: Services, principal: Principal, submission: int, last: EventPosition | None
) -> AsyncGenerator[bytes]:
    """Yield the events after the `last` one that the client had, each when it happens, and comments in between.

    What the program writes comes without an id, because it is stored nowhere: no client gets it twice.

    Raises `ApiError` (429) at its beginning if this key has too many streams open.
    """
    with (
        services.notifications.watch(submission, wants_output=True) as wake,
        services.streams.open(principal, wake) as stream,
    ):
        # The client learns at once that the stream is open.
        yield KEEPALIVE_COMMENT
        while not stream.must_end:
            wake.clear()
            if wake.has_changed:
                wake.has_changed = False
                snapshot = await stream.patiently(partial(reads.read, services.database, submission))
                if snapshot is None:  # it was deleted
                    return
                async for position, piece in _pieces(services, principal, stream, snapshot, unsent(snapshot, last)):
                    yield piece
                    last = position
                if last is not None and last.is_last:
                    return
            while wake.written:
                name, text = wake.written.popleft()
                yield event(name, OutputEvent(text=text))
            async for comment in stream.comments_until_woken():
                yield comment


async def _pieces(
    services: Services, principal: Principal, stream: Stream, snapshot: Snapshot, events: Sequence[Event]
) -> AsyncGenerator[tuple[EventPosition, bytes]]:
    """Yield each event as its position and its text. Clients may read slowly, so long texts hold their memory."""
    tests: dict[int, Test] = {}
    with ExitStack() as held:
        roomy = partial(_with_room, services, principal, stream, held)
        for happened in events:
            data: BaseModel | None
            match happened:
                case StateEntered():
                    name, data = "state", StateEvent(state=happened.state, at=happened.at)
                case TestFinished():
                    if happened.number not in tests:
                        tests.clear()
                        tests = await roomy(partial(_tests, services, principal, snapshot, happened.number))
                    # If it is not there any more, the run was taken back.
                    name, data = "test", tests.get(happened.number)
                case SubmissionFinished():
                    tests.clear()
                    name, data = "finished", await roomy(partial(_ended, services, principal, snapshot.submission))
            if data is not None:
                yield happened.position, event(name, data, str(happened.position))


async def _with_room(
    services: Services,
    principal: Principal,
    stream: Stream,
    held: ExitStack,
    get: Callable[[read.Reserve], Awaitable[T]],
) -> T:
    """Return what `get` returns, when there is memory for it. `held` holds that instead of what it held before."""
    while True:
        held.close()
        reserve = held.enter_context(reserving(services.response_memory, principal))
        try:
            return await stream.patiently(partial(get, reserve))
        except ApiError:
            if stream.must_end:
                raise
        await asyncio.sleep(_ROOM_SECONDS)


async def _tests(
    services: Services, principal: Principal, snapshot: Snapshot, first: int, reserve: read.Reserve
) -> dict[int, Test]:
    assert snapshot.job is not None
    last = first + _TESTS_AT_ONCE - 1
    tests = await services.database.call(
        read.ended_tests, snapshot.job, first=first, last=last, reserve=reserve, sees_all=principal.sees_all
    )
    return {test.number: test for test in tests}


async def _ended(services: Services, principal: Principal, number: int, reserve: read.Reserve) -> Submission | None:
    """Return the submission; None if it was deleted or runs again."""
    submission = await services.database.call(
        read.submission, number, links=services.links, sees_all=principal.sees_all, reserve=reserve
    )
    return submission if submission and submission.state in FINAL_STATES else None
