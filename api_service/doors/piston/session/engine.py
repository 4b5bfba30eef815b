"""Sessions with programs at the engine (`/converse` of our executor)."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from api_service.doors.piston.job import PistonJob
from api_service.doors.piston.program import program_of
from api_service.doors.piston.settings import PistonSettings
from api_service.http.problems import Kind, Problem
from shared.engine.codex import SHARE_HEADER
from shared.engine.run_call import (
    Encoding,
    Failed,
    Finished,
    Output,
    Said,
    StageBegan,
    StageEnded,
    parse_conversation_event,
)

#: Seconds within which the engine must accept a connection.
_OPEN_S: Final = 10.0
#: The most bytes of one event. The longest event has the compiler's output.
_EVENT_BYTES: Final = 16 << 20
_UNREACHABLE: Final = "The engine cannot be reached; try again in a moment."


@dataclass(frozen=True, slots=True)
class EngineSession:
    """A session with a program that runs at the engine."""

    connection: ClientConnection

    async def say(self, said: Said) -> None:
        await self.connection.send(said.model_dump_json(exclude_defaults=True))

    async def events(self) -> AsyncIterator[StageBegan | Output | StageEnded]:
        """Yield the events up to the end of the program. Raises `Problem` if the engine fails."""
        async for message in self.connection:
            match parse_conversation_event(message):
                case Finished():
                    return
                case Failed(error=error):
                    raise Problem(Kind.UNAVAILABLE, error)
                case event:
                    yield event
        raise Problem(Kind.UNAVAILABLE, "The engine has hung up; try again in a moment.")


@asynccontextmanager
async def engine_session(settings: PistonSettings, job: PistonJob, share: str) -> AsyncIterator[EngineSession]:
    """Run a job at the engine. It ends with the block at the latest. Raises `Problem` if the engine refuses it."""
    if settings.codex_url is None:
        raise Problem(Kind.INVALID, "This server has no engine for interactive jobs; use `execute`.")
    token = settings.codex_token.get_secret_value() if settings.codex_token else "anonymous"
    try:
        async with connect(
            f"ws{settings.codex_url.removeprefix('http').rstrip('/')}/converse",
            additional_headers={"Authorization": f"Bearer {token}", SHARE_HEADER: share},
            compression=None,
            max_size=_EVENT_BYTES,
            open_timeout=_OPEN_S,
            proxy=None,
        ) as connection:
            await connection.send(_request(job), text=True)
            yield EngineSession(connection)
    except (OSError, InvalidHandshake, WebSocketException) as exc:  # `TimeoutError` is an `OSError`
        raise Problem(Kind.UNAVAILABLE, _UNREACHABLE) from exc


def _request(job: PistonJob) -> bytes:
    program = program_of(job)
    return to_json(
        {
            **program.fields,
            "language": job.runtime.engine_language.code,
            "files": [_file(path, data) for path, data in program.files.items()],
            "entry": program.entry,
            "output_order": True,
            "tests": [{"args": job.args}],
        }
    )


def _file(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "content": b64encode(data).decode(), "encoding": Encoding.BASE64}
