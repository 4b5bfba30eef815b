"""Reads the events of `POST /run` from the bytes of the answer, within bounds of time and memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Final, TypeAlias

from pydantic import Field, TypeAdapter

from shared.common.service.errors import EngineAway, EngineCrashed, EngineUnavailable
from shared.common.text.json_structure import has_more_structure
from shared.engine_api.run_call.events import (
    Alive,
    AnyConversationEvent,
    AnyEvent,
    Compiled,
    Failed,
    Finished,
    JudgeFailed,
    LeftOut,
    Missing,
    Output,
    ProgramArtifact,
    Started,
    TestEnded,
    UnitTestEvent,
)
from shared.engine_api.run_call.limits import MAX_ARTIFACTS

RunEvent: TypeAlias = Started | Alive | Missing | Compiled | Output | JudgeFailed | TestEnded | UnitTestEvent

#: Bytes from which a request or an answer is long. A long request is not copied; a long answer waits for its turn.
LONG: Final = 64 << 10
#: Characters kept of a judge's message.
MESSAGE_LENGTH: Final = 64 << 10
#: Characters kept of texts: a difference and an engine's reason are meant to be short.
_BOUNDS: Final = {"diff": 10_000, "error": 1000, "message": MESSAGE_LENGTH, "judge_message": MESSAGE_LENGTH}
#: The texts that the program or its compiler writes.
_STREAMS: Final = ("stdout", "stderr", "output")
#: What a line may have outside of its strings (`shared.common.text.json_structure`). The longest is the order of the
#: outputs.
_MAX_STRUCTURE: Final = 131_072


_EVENT: Final[TypeAdapter[AnyEvent]] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])
_CONVERSATION_EVENT: Final[TypeAdapter[AnyConversationEvent]] = TypeAdapter(
    Annotated[AnyConversationEvent, Field(discriminator="event")]
)


def parse_conversation_event(text: bytes | str) -> AnyConversationEvent:
    """Return the event in a message of a conversation. Raises `ValueError` if the message is not an event."""
    return _CONVERSATION_EVENT.validate_json(text)


def parse_event(line: bytes | str) -> AnyEvent:
    """Return the event of a line. Raises `ValueError` if the line is not an event."""
    return _EVENT.validate_json(line)


class EventLines:
    """The events of one answer, one a line.

    A long line waits for its turn among all `long_answers`, and keeps it until its event was handled. A line of more
    than `longest` bytes, or one that takes more than `seconds`, is a failure of the engine, as are `silent_s` without
    a byte.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        long_answers: asyncio.Semaphore,
        max_bytes: int,
        seconds: float,
        silent_s: float | None = None,
    ) -> None:
        self._chunks = chunks
        self._long_answers = long_answers
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._silent_s = silent_s
        self._buffer = bytearray()

    async def events(self) -> AsyncGenerator[RunEvent]:
        """Yield the events up to the last.

        Raises `EngineAway` if the engine stops, `EngineCrashed` if the last event is missing, or `EngineUnavailable`.
        """
        async with AsyncExitStack() as turn:
            while True:
                if b"\n" not in self._buffer:  # otherwise there is nothing to wait for
                    async with asyncio.timeout(self._seconds):
                        await self._fill(turn)
                line, _, self._buffer = self._buffer.partition(b"\n")
                event = _parse(line)
                del line
                match event:
                    case Finished():
                        return
                    case Alive(is_long=False):
                        continue
                    case Failed(stopping=True):
                        raise EngineAway("the engine stopped before the program ended")
                    case Failed():
                        raise EngineUnavailable(f"the engine failed: {event.error[:200]}")
                    case _:
                        yield event
                del event
                await turn.aclose()

    async def _fill(self, turn: AsyncExitStack) -> None:
        searched = 0
        is_long = False
        while self._buffer.find(b"\n", searched) < 0:
            searched = len(self._buffer)
            if searched > self._max_bytes:
                raise EngineUnavailable(f"the engine's answer has a line of over {self._max_bytes} bytes")
            if searched > LONG and not is_long:
                is_long = True
                await turn.enter_async_context(self._long_answers)
            async with asyncio.timeout(self._silent_s):
                chunk = await anext(self._chunks, None)
            if chunk is None:
                raise EngineCrashed("the engine's answer ended before the program did")
            self._buffer += chunk


def shorten_event(event: RunEvent, max_characters: int, artifact_bytes: int) -> RunEvent:
    """Return the event with each stream cut to `max_characters` characters, and with the artifacts that may be kept."""
    bounds = {**_BOUNDS, **dict.fromkeys(_STREAMS, max_characters)}
    texts = {name: getattr(event, name, None) or "" for name in bounds}
    changes: dict[str, object] = {
        name: text[: bounds[name]] for name, text in texts.items() if len(text) > bounds[name]
    }
    cut = [name for name in _STREAMS if name in changes]
    match event:
        case TestEnded():
            changes |= {f"{name}_bytes": None for name in cut}
            if cut:
                changes["truncated"] = [*event.truncated, *(name for name in cut if name not in event.truncated)]
            if event.artifacts:
                changes |= _kept_artifacts(event, artifact_bytes)
        case Compiled() if cut:
            changes["truncated"] = True
    return event.model_copy(update=changes) if changes else event


def _kept_artifacts(event: TestEnded, max_bytes: int) -> dict[str, object]:
    """Return the changes that leave out the artifacts beyond the bounds, and those with the name of another."""
    kept: dict[str, ProgramArtifact] = {}
    left_out = Counter(event.artifacts_left_out)
    for artifact in event.artifacts or ():
        if artifact.name in kept:
            left_out[LeftOut.BAD_NAME] += 1
        elif len(kept) == MAX_ARTIFACTS:
            left_out[LeftOut.TOO_MANY] += 1
        elif len(artifact.content) > max_bytes:
            left_out[LeftOut.TOO_LARGE] += 1
        else:
            kept[artifact.name] = artifact
            max_bytes -= len(artifact.content)
    if len(kept) == len(event.artifacts or ()):
        return {}
    return {"artifacts": list(kept.values()), "artifacts_left_out": dict(left_out)}


def _parse(line: bytearray) -> AnyEvent:
    if has_more_structure(line, _MAX_STRUCTURE):
        raise EngineUnavailable("the engine's answer has a line of too many values")
    try:
        return parse_event(bytes(line))
    except ValueError as exc:
        raise EngineUnavailable("the engine's answer does not follow the protocol of POST /run") from exc
