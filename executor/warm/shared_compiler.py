"""A compiler process that compiles one source after the other, in its own box.

If it is down, busy or undecided, the ordinary compiler runs instead. It reads the sources of many senders, so its box
is as closed as that of a program, and its answers are untrusted. It is replaced after 1000 sources, and stopped at its
limits, when one source takes too long, and when it is idle.

    we send     length, name; length, text          (lengths are four bytes, big-endian)
    it answers  "r" once; then verdict (a byte); length, diagnostics; number of files, and for each length, name;
                length, content

Gain: javac takes 10 ms instead of 600 (ADR 23).
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from executor.sandbox.base import (
    MAX_COMPILED_FILES,
    Job,
    SandboxFailure,
    Step,
    StepLimits,
    StepResult,
    Template,
    WorkFile,
)
from executor.settings import MIB
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=600, wall_s=3600, memory_bytes=1024 * MIB, processes=64, open_files=256, file_bytes=MIB, stack_bytes=64 * MIB
)
_DISK_BYTES = 16 * MIB
_MAX_SOURCES = 1000
_MAX_BYTES = 8 * MIB
_START_S = 30.0
#: Seconds that a source waits for those before it, and for its own compilation, until the ordinary compiler runs.
_QUEUE_S, _COMPILE_S = 2.0, 5.0
#: The least limits of a source: seconds of CPU and of elapsed time, bytes and processes. With them, an ordinary
#: compiler, which must warm up first, compiles what takes `_COMPILE_S` and the heap here. So nobody's verdict depends
#: on which of them it gets.
_MIN_S, _MIN_BYTES, _MIN_PROCESSES = 2 * _COMPILE_S, 768 * MIB, 32
#: Seconds after a failure in which it is not started again.
_PAUSE_S = 10.0
_COMPILED, _REJECTED = 0, 1
#: The most bytes of a class file's path. A source with a longer one is left to the ordinary compiler.
_MAX_NAME = 255


@dataclass
class _CompilerProcess:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    box: "asyncio.Task[StepResult]"
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    sources: int = 0

    @property
    def is_up(self) -> bool:
        return not self.box.done()

    async def aclose(self) -> None:
        self.writer.close()
        self.box.cancel()
        await asyncio.gather(self.box, return_exceptions=True)


def suffice(limits: StepLimits) -> bool:
    """Return True if an ordinary compiler with these limits would compile all that a shared one does.

    A shared compiler's limits are for all its sources. A source with lower limits is left to an ordinary one.
    """
    return (
        min(limits.cpu_s, limits.wall_s) >= _MIN_S
        and limits.memory_bytes >= _MIN_BYTES
        and limits.processes >= _MIN_PROCESSES
    )


class SharedCompiler:
    """`run` runs the box of the process, and `argv` is its command. The first source starts it."""

    def __init__(
        self,
        run: Callable[[Job], Awaitable[StepResult]],
        argv: tuple[str, ...],
        environment: dict[str, str],
        idle_s: float,
    ) -> None:
        self._run = run
        self._argv = argv
        self._environment = environment
        self._idle_s = idle_s
        self._server: _CompilerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._turns: set[asyncio.Task[StepResult | None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._paused_until = 0.0

    async def compile(self, name: str, source: bytes, output_bytes: int) -> StepResult | None:
        """Compile the source, or return None if the ordinary compiler must do it."""
        server = self._server
        if server is None or not server.is_up or server.sources >= _MAX_SOURCES:
            self._start()
        if server is None or not server.is_up:
            return None
        self._restart_idle_timer()
        # Shielded: if the client disconnects, its answer must still be read, or the next client would get it.
        turn = asyncio.create_task(self._in_turn(server, name.encode(), source, output_bytes))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        return await asyncio.shield(turn)

    async def aclose(self) -> None:
        if self._idle:
            self._idle.cancel()
        if self._starting:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._server:
            await self._server.aclose()

    async def _in_turn(
        self, server: _CompilerProcess, name: bytes, source: bytes, output_bytes: int
    ) -> StepResult | None:
        try:
            async with asyncio.timeout(_QUEUE_S):
                await server.busy.acquire()
        except TimeoutError:
            return None
        started = time.monotonic()
        try:
            async with asyncio.timeout(_COMPILE_S):
                verdict, diagnostics, compiled_files = await _exchange(server, name, source)
        except (TimeoutError, OSError, EOFError, UnicodeDecodeError, ProtocolError) as exc:
            log.info("compiler.gave_up", reason=type(exc).__name__)
            self._drop(server)
            return None
        finally:
            server.busy.release()
        sizes = [len(name.encode()) for name in compiled_files]
        fits = 0 < len(sizes) <= MAX_COMPILED_FILES and max(sizes) <= _MAX_NAME
        if (verdict == _COMPILED and fits) or verdict == _REJECTED:
            return _step_result(verdict, diagnostics, output_bytes, compiled_files, time.monotonic() - started)
        return None

    def _start(self) -> None:
        if self._starting is None and time.monotonic() >= self._paused_until:
            self._starting = asyncio.create_task(self._replace())

    async def _replace(self) -> None:
        try:
            new = await self._launch()
        except (TimeoutError, OSError, EOFError, SandboxFailure) as exc:
            self._paused_until = time.monotonic() + _PAUSE_S
            log.warning("compiler.not_started", reason=str(exc) or type(exc).__name__)
        else:
            old, self._server = self._server, new
            self._restart_idle_timer()
            if old:
                async with old.busy:
                    await old.aclose()
        finally:
            self._starting = None

    async def _launch(self) -> _CompilerProcess:
        ours, theirs = socket.socketpair()
        step = Step(self._argv, self._environment, _LIMITS, output_bytes=0, stdin=theirs, stop_on_overflow=False)
        box = asyncio.ensure_future(self._run(Job({}, step, Template(_DISK_BYTES, _LIMITS))))
        box.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # else asyncio logs the exception
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_MAX_BYTES)
            hello = asyncio.ensure_future(reader.readexactly(1))
            await asyncio.wait((hello, box), timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
            if not hello.done():
                hello.cancel()
                raise SandboxFailure(box.result().why_failed if box.done() else "it was not ready in time")
            hello.result()
        except BaseException:
            (writer or ours).close()  # the loop watches the socket of a writer
            box.cancel()
            await asyncio.gather(box, return_exceptions=True)
            raise
        finally:
            theirs.close()
        return _CompilerProcess(reader, writer, box)

    def _drop(self, server: _CompilerProcess) -> None:
        if self._server is server:
            self._server = None
        server.writer.close()
        server.box.cancel()

    def _restart_idle_timer(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._stop_idle)

    def _stop_idle(self) -> None:
        if self._server:
            self._drop(self._server)


class ProtocolError(Exception):
    """The compiler sent a malformed answer."""


async def _exchange(server: _CompilerProcess, name: bytes, source: bytes) -> tuple[int, bytes, dict[str, WorkFile]]:
    server.sources += 1
    for text in (name, source):
        server.writer.write(struct.pack(">i", len(text)) + text)
    await server.writer.drain()
    fields = _FieldReader(server.reader)
    (verdict,) = await server.reader.readexactly(1)
    diagnostics = await fields.read()
    files = {}
    for _ in range(await fields.number()):
        file_name = checked((await fields.read()).decode())
        files[file_name] = WorkFile(await fields.read())
    return verdict, diagnostics, files


class _FieldReader:
    """Reads fields, up to `_MAX_BYTES` in all."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._left = _MAX_BYTES

    async def number(self) -> int:
        number: int = struct.unpack(">i", await self._reader.readexactly(4))[0]
        self._left -= 4
        if not 0 <= number <= self._left:
            raise ProtocolError
        return number

    async def read(self) -> bytes:
        length = await self.number()
        self._left -= length
        return await self._reader.readexactly(length)


def checked(name: str) -> str:
    """Return `name` if it names a class file in the work folder or below it. Raises `ProtocolError` otherwise."""
    parts = name.split("/")
    if not name.endswith(".class") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise ProtocolError
    return name


def _step_result(
    verdict: int, diagnostics: bytes, output_bytes: int, compiled_files: dict[str, WorkFile], wall_s: float
) -> StepResult:
    """Return the result as a compile step's. Only the elapsed time is known, so it is the CPU time too."""
    return StepResult(
        exit_code=0 if verdict == _COMPILED else 1,
        cpu_s=wall_s,
        wall_s=wall_s,
        stdout=diagnostics[:output_bytes],
        cut=("stdout",) if len(diagnostics) > output_bytes else (),
        compiled_files=compiled_files if verdict == _COMPILED else {},
    )
