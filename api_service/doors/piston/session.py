"""The WebSocket of Piston v2: one job for each connection, with input and output while the program runs."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from api_service.doors.piston.answer import SIGNALS, end_of, name_of
from api_service.doors.piston.request import PistonJob, read_job, read_json
from api_service.doors.piston.runtimes import Runtime
from api_service.doors.piston.settings import PistonSettings
from api_service.doors.port import Place
from api_service.http.errors import ApiError, Kind
from api_service.settings import ApiSettings
from api_service.transient.conversation import Conversation
from shared.engine_api.run_call.events import Output, StageBegan, StageEnded

#: Seconds within which `init` must come.
_INIT_S: Final = 1.0
#: Seconds within which a client must take a message.
_SEND_S: Final = 30.0


class Closed(Exception):
    """The connection is to be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class InteractiveSession:
    websocket: WebSocket
    api_settings: ApiSettings
    settings: PistonSettings
    place: Place

    async def serve(self, runtimes: Sequence[Runtime]) -> None:
        try:
            try:
                job = await self._job(runtimes)
                async with self.place.converse(job.engine_request(self.api_settings)) as engine:
                    await self._send({"type": "runtime", "language": job.runtime.name, "version": job.runtime.version})
                    await _first_of(self._listen(engine), self._tell(engine, job.runtime))
            except ApiError as exc:
                await self._send({"type": "error", "message": exc.detail})
                raise Closed(4002, "Notified Error") from None
        except Closed as exc:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.websocket.close(exc.code, exc.reason)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the client has gone, or takes no message

    async def _job(self, runtimes: Sequence[Runtime]) -> PistonJob:
        """Return the job of `init`."""
        try:
            async with asyncio.timeout(_INIT_S):
                while (message := await self._receive()).get("type") != "init":
                    if message.get("type") in ("data", "signal"):
                        raise Closed(4003, "Not yet initialized")
        except TimeoutError:
            raise Closed(4001, "Initialization Timeout") from None
        body = {name: value for name, value in message.items() if name != "stdin"}
        return read_job(body, runtimes, self.settings)

    async def _listen(self, engine: Conversation) -> None:
        """Pass the client's messages on. Raises `Closed` for a wrong message, and when the client leaves."""
        while True:
            message = await self._receive()
            match message.get("type"):
                case "init":
                    raise Closed(4000, "Already Initialized")
                case "data":
                    if message.get("stream") != "stdin":
                        raise Closed(4004, "Can only write to stdin")
                    data = message.get("data")
                    if not isinstance(data, str):
                        raise ApiError(Kind.INVALID, "data is required as a string")
                    await engine.say(stdin=data)
                case "signal":
                    number = SIGNALS.get(str(message.get("signal")))
                    if number is None:
                        raise Closed(4005, "Invalid signal")
                    await engine.say(signal=number)
            await asyncio.sleep(0)  # many messages may have come at once, and others must not wait for all of them

    async def _tell(self, engine: Conversation, runtime: Runtime) -> None:
        """Send the client the events of the job. Raises `Closed` at its end."""
        async for event in engine.events():
            for message in messages_of(event, compiles=runtime.compiles):
                await self._send(message)
        raise Closed(4999, "Job Completed")

    async def _receive(self) -> Mapping[str, Any]:
        """Return the next message. Raises `ApiError` if it is not JSON, `WebSocketDisconnect` if the client left."""
        received = await self.websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        content = read_json(received.get("text") or received.get("bytes") or "")
        return content if isinstance(content, Mapping) else {}

    async def _send(self, message: Mapping[str, Any]) -> None:
        async with asyncio.timeout(_SEND_S):
            await self.websocket.send_json(message)


def messages_of(event: StageBegan | Output | StageEnded, *, compiles: bool) -> Iterator[dict[str, Any]]:
    """Yield the messages of an event. Without a compile step, Piston reports a compiler that fails as the run."""
    is_hidden = not compiles and isinstance(event, StageBegan | StageEnded) and event.stage == "compile"
    match event:
        case StageBegan(stage=stage) if not is_hidden:
            yield {"type": "stage", "stage": stage}
        case Output(stream=stream, text=text):
            yield {"type": "data", "stream": stream, "data": text}
        case StageEnded() if is_hidden and (event.exit_code != 0 or event.stopped):
            yield {"type": "stage", "stage": "run"}
            yield _exit(event, "run")
        case StageEnded() if not is_hidden:
            yield _exit(event, event.stage)


def _exit(event: StageEnded, stage: str) -> dict[str, Any]:
    code, signal = end_of(event)
    return {"type": "exit", "stage": stage, "code": code, "signal": name_of(signal)}


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run the coroutines at once until one of them ends, and raise its exception."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
