"""Runs programs that get their input while they run (`/converse` of our executor)."""

import contextlib
import time
from collections.abc import AsyncIterator
from random import choice
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_to
from websockets.exceptions import InvalidHandshake, WebSocketException

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.settings import ApiSettings
from shared.common.service.settings import entries_of
from shared.engine_api.codex import SHARE_HEADER
from shared.engine_api.event_lines import parse_conversation_event
from shared.engine_api.run_call.events import Failed, Finished, Output, StageBegan, StageEnded
from shared.engine_api.run_call.request import ProgramMessage

_OPEN_S: Final = 10.0
#: The most bytes of one event. The longest event has the compiler's output.
_EVENT_BYTES: Final = 16 << 20


class Conversation:
    """A program at the engine, and the messages to and from it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        #: The time of the first event.
        self.began: float | None = None

    async def say(self, **message: Any) -> None:
        """Send the program a message with these fields of `ProgramMessage`."""
        await self._connection.send(ProgramMessage(**message).model_dump_json(exclude_defaults=True))

    async def events(self) -> AsyncIterator[StageBegan | Output | StageEnded]:
        """Yield the events up to the end of the program. Raises `ApiError` if the engine fails."""
        async for message in self._connection:
            self.began = self.began or time.monotonic()
            match parse_conversation_event(message):
                case Finished():
                    return
                case Failed(error=error):
                    raise ApiError(Kind.UNAVAILABLE, error)
                case event:
                    yield event
        raise ApiError(Kind.UNAVAILABLE, "The engine has hung up; try again in a moment.")


@contextlib.asynccontextmanager
async def connected(settings: ApiSettings, principal: Principal, program: bytes) -> AsyncIterator[Conversation]:
    """Run a program at the engine, which ends with the block at the latest.

    Raises `ApiError` (503) if the engine cannot be reached.
    """
    if settings.codex_url is None:
        raise ApiError(Kind.INVALID, "This server has no engine for interactive jobs; use `execute`.")
    token = settings.codex_token.get_secret_value() if settings.codex_token else "anonymous"
    url = choice(entries_of(settings.codex_url))  # noqa: S311
    try:
        async with connect_to(
            f"ws{url.removeprefix('http').rstrip('/')}/converse",
            additional_headers={"Authorization": f"Bearer {token}", SHARE_HEADER: f"key-{principal.owner}"},
            compression=None,
            max_size=_EVENT_BYTES,
            open_timeout=_OPEN_S,
            proxy=None,
        ) as connection:
            await connection.send(program, text=True)
            yield Conversation(connection)
    except (OSError, InvalidHandshake, WebSocketException) as exc:  # `TimeoutError` is an `OSError`
        raise ApiError(Kind.UNAVAILABLE, "The engine cannot be reached; try again in a moment.") from exc
