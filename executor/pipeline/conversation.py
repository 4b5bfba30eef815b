"""Holds a conversation over a WebSocket: input, output and signals pass between a user and a running program."""

import asyncio
import codecs
import contextlib
import os
import signal
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from executor.catalogue.installed import Installed
from executor.pipeline.plan import plan_program
from executor.pipeline.results import stop_of
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, SandboxFailure, StepResult, Wires, open_pipes
from executor.settings import ExecutorSettings
from executor.slots import Turn
from shared.engine_api.run_call.events import (
    Failed,
    Finished,
    Output,
    OutputStream,
    StageBegan,
    StageEnded,
)
from shared.engine_api.run_call.request import ProgramMessage, ProgramRequest

_READ_BYTES: Final = 32768
_STREAMS: Final[tuple[OutputStream, ...]] = ("stdout", "stderr")
#: Seconds within which the other end must take a message.
_SEND_S: Final = 30.0
#: The shortest time between two deliveries of signals. A user who sends more must not keep the keeper busy.
_SIGNALS_S: Final = 0.02
#: The signals that a compiler survives.
_HARMLESS: Final = frozenset({signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH})


async def _reader(end: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=_READ_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb", buffering=0)
    )
    return reader, transport


class ProgramConversation:
    """One program and its user. `hold` runs the program while the user is connected."""

    def __init__(self, websocket: WebSocket, settings: ExecutorSettings) -> None:
        self._websocket = websocket
        self._settings = settings
        self._input_left = settings.max_input_bytes
        #: Input that was typed before the program started.
        self._typed = bytearray()
        self._stdin: asyncio.WriteTransport | None = None
        #: Our ends of the streams that the program writes.
        self._outlets: dict[OutputStream, tuple[asyncio.StreamReader, asyncio.ReadTransport]] = {}
        self._wires: Wires | None = None
        self._compiler: asyncio.Task[StepResult | None] | None = None
        self._compiler_killed_by = 0
        #: Signals to deliver soon. Each number is there once, as among the pending signals of a process (signal(7)).
        self._signals: dict[int, None] = {}
        self._next_signals: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()

    async def hold(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work. Cancel it if the user leaves, or sends something that is not a message."""
        working, listening = asyncio.create_task(work), asyncio.create_task(self._listen())
        try:
            await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            if not working.done():
                working.cancel()
            await asyncio.gather(working, listening, return_exceptions=True)
        if not working.cancelled():
            working.result()
        await close(self._websocket)

    async def run(self, pipeline: Pipeline, request: ProgramRequest, installed: Installed, turn: Turn) -> None:
        """Compile the program and run it. Raises `SandboxFailure` if the sandbox fails."""
        planned = plan_program(request, installed, self._settings).run(request.tests[0])
        if installed.headers:
            planned = planned.without_headers()
        self._compiler = asyncio.create_task(pipeline.compile(planned, turn))
        try:
            if planned.compilation and not await self._compile(self._compiler):
                return
            job = planned.job_after(await self._compiler)
        finally:
            self._compiler.cancel()
        await turn.renew()
        await self._run(pipeline, job, turn)
        await self._send(Finished())

    async def _compile(self, compiler: asyncio.Task[StepResult | None]) -> bool:
        """Report how the compiler ended, and return True if the program may run."""
        await self._send(StageBegan(stage="compile"))
        try:
            compiled = await compiler
        except asyncio.CancelledError:
            if not self._compiler_killed_by:
                raise
            compiled = StepResult(None, self._compiler_killed_by)
        assert compiled
        await self._end("compile", compiled)
        if not compiled.succeeded:
            await self._send(Finished())
        return compiled.succeeded

    async def _run(self, pipeline: Pipeline, job: Job, turn: Turn) -> None:
        await self._send(StageBegan(stage="run"))
        with contextlib.ExitStack() as ends:
            (their_stdin, our_stdin), (our_stdout, their_stdout), (our_stderr, their_stderr) = open_pipes(3)
            for end in (their_stdin, their_stdout, their_stderr):
                ends.callback(os.close, end)
            wires = self._wires = Wires(their_stdin, their_stdout, their_stderr)
            connecting = asyncio.create_task(self._connect(our_stdin, our_stdout, our_stderr))
            pumps: list[asyncio.Task[None]] = []
            try:
                # It must end, or our ends would stay open, or be closed once by the file and once by the transport. The
                # second time, the descriptor may be that of another conversation.
                await asyncio.shield(connecting)
                pumps += (asyncio.create_task(self._pump(stream)) for stream in self._outlets)
                result = await pipeline.run_job(replace(job, step=replace(job.step, wires=wires)), turn)
                ends.close()
                await asyncio.gather(*pumps)
            finally:
                self._wires = None
                await connecting
                if self._stdin and not self._stdin.is_closing():
                    self._stdin.abort()
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                for _, transport in self._outlets.values():
                    transport.close()
        if result.stopped is not None and stop_of(result) is None:
            raise SandboxFailure(f"the program was stopped: {result.stopped}")
        await self._end("run", result)

    async def _connect(self, stdin: int, stdout: int, stderr: int) -> None:
        loop = asyncio.get_running_loop()
        self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(stdin, "wb", buffering=0))
        self._stdin.write(bytes(self._typed))
        self._outlets = {"stdout": await _reader(stdout), "stderr": await _reader(stderr)}

    async def _pump(self, stream: OutputStream) -> None:
        """Send what the program writes to a stream, until it has ended."""
        reader, _ = self._outlets[stream]
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while chunk := await reader.read(_READ_BYTES):
            if text := decoder.decode(chunk):
                await self._send(Output(stream=stream, text=text))
        if text := decoder.decode(b"", final=True):
            await self._send(Output(stream=stream, text=text))

    async def _listen(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, ValidationError):
            while True:
                message = ProgramMessage.model_validate_json(await receive(self._websocket))
                if message.signal is not None:
                    self._signal(message.signal)
                data = message.stdin.encode("utf-8", "replace")
                self._input_left -= len(data)
                if self._input_left < 0:
                    return
                if self._stdin is None:
                    self._typed += data
                elif data and not self._stdin.is_closing():
                    self._stdin.write(data)
                await asyncio.sleep(0)  # many messages may have come at once, and others must not wait for all of them

    def _signal(self, number: int) -> None:
        if self._wires:
            self._signals[number] = None
            if self._next_signals is None:
                self._deliver_signals()
        elif self._compiler and not self._compiler.done() and number not in _HARMLESS:
            self._compiler_killed_by = number
            self._compiler.cancel()

    def _deliver_signals(self) -> None:
        self._next_signals = None
        if self._signals and self._wires:
            for number in self._signals:
                self._wires.signal(number)
            self._next_signals = asyncio.get_running_loop().call_later(_SIGNALS_S, self._deliver_signals)
        self._signals.clear()

    async def _end(self, stage: Literal["compile", "run"], result: StepResult) -> None:
        """Send how a stage ended. Of a program's output nothing is kept, but a box that cannot take it says why."""
        for stream, output in zip(_STREAMS, (result.stdout, result.stderr), strict=True):
            if output:
                await self._send(Output(stream=stream, text=output.decode(errors="replace")))
        cpu_s, stopped = round(result.cpu_s, 6), stop_of(result)
        ended = StageEnded(stage=stage, exit_code=result.exit_code, signal=result.signal, stopped=stopped, cpu_s=cpu_s)
        await self._send(ended)

    async def _send(self, event: BaseModel) -> None:
        async with self._sending, asyncio.timeout(_SEND_S):
            await self._websocket.send_text(event.model_dump_json())


async def receive(websocket: WebSocket) -> str | bytes:
    """Return the next message, which may be a text or bytes. Raises `WebSocketDisconnect` if the user has left."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    content: str | bytes = message.get("text") or message.get("bytes") or ""
    return content


async def conversation_failed(websocket: WebSocket, error: str) -> None:
    """Send the user the reason why the program cannot run, and end the connection."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(Failed(error=error).model_dump_json())
    await close(websocket)


async def close(websocket: WebSocket) -> None:
    """Close a connection that may be closed already."""
    if websocket.client_state is WebSocketState.CONNECTED and websocket.application_state is WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.close()
