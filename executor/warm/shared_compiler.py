"""A compiler that stays: one process in a box of its own, which compiles one source after the other, whoever sends it.

It saves a compiler's start, which is most of what a compilation takes. Where it has no answer (it is not up, is busy
for too long, gives no plain verdict), the ordinary compiler is asked, so it is never needed. Its box is like that of a
program: it knows the sources that it is sent, and can neither keep nor tell anything. What it answers is checked here
as what a stranger says. It is ended after so many sources, at its limits, when one takes too long, and when idle.

    ours    length, name; length, text          (lengths are four bytes, big-endian)
    theirs  "r" once; then verdict (a byte); length, diagnostics; number of files, and for each length, name;
            length, content
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from executor.sandbox.base import MAX_ARTEFACTS, File, Job, SandboxFailure, Step, StepLimits, StepResult, Template
from shared.logging import get_logger

log = get_logger(__name__)

_MIB = 1 << 20
_LIMITS = StepLimits(
    cpu_s=600,
    wall_s=3600,
    memory_bytes=1024 * _MIB,
    processes=64,
    open_files=256,
    file_bytes=_MIB,
    stack_bytes=64 * _MIB,
)
_DISK_BYTES = 16 * _MIB
_MOST_SOURCES = 1000
_MOST_BYTES = 8 * _MIB
_START_S = 30.0
#: Until the ordinary compiler is asked: for those before us, and for ours.
_QUEUE_S, _COMPILE_S = 2.0, 5.0
#: After a failure, nothing is tried for so long.
_REST_S = 10.0
_COMPILED, _REFUSED = 0, 1
#: Bytes of a class file's name; with longer ones, the ordinary compiler sees what can be written.
_LONGEST_NAME = 255


@dataclass
class _Server:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    box: "asyncio.Task[list[StepResult]]"
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    sources: int = 0

    @property
    def is_up(self) -> bool:
        return not self.box.done()

    async def aclose(self) -> None:
        self.writer.close()
        self.box.cancel()
        await asyncio.gather(self.box, return_exceptions=True)


class SharedCompiler:
    """`attend` runs the box of such a process; `argv` is its command. It is started by the first wish."""

    def __init__(
        self,
        attend: Callable[[Job], Awaitable[list[StepResult]]],
        argv: tuple[str, ...],
        environment: dict[str, str],
        idle_s: float,
    ) -> None:
        self._attend = attend
        self._argv = argv
        self._environment = environment
        self._idle_s = idle_s
        self._server: _Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._turns: set[asyncio.Task[StepResult | None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._rests_until = 0.0

    async def compile(self, name: str, source: bytes, output_bytes: int) -> StepResult | None:
        """None when the ordinary compiler has to be asked."""
        server = self._server
        if server is None or not server.is_up or server.sources >= _MOST_SOURCES:
            self._start()
        if server is None or not server.is_up:
            return None
        self._await_idleness()
        # Whoever hangs up does not take the answer along: it would be read as the next one's.
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

    async def _in_turn(self, server: _Server, name: bytes, source: bytes, output_bytes: int) -> StepResult | None:
        try:
            async with asyncio.timeout(_QUEUE_S):
                await server.busy.acquire()
        except TimeoutError:
            return None
        started = time.monotonic()
        try:
            async with asyncio.timeout(_COMPILE_S):
                verdict, said, made = await _ask(server, name, source)
        except (TimeoutError, OSError, EOFError, UnicodeDecodeError, Nonsense) as exc:
            log.info("compiler.gave_up", reason=type(exc).__name__)
            self._drop(server)
            return None
        finally:
            server.busy.release()
        fits = 0 < len(made) <= MAX_ARTEFACTS and all(len(file.encode()) <= _LONGEST_NAME for file in made)
        if (verdict == _COMPILED and fits) or verdict == _REFUSED:
            return _ended(verdict, said, output_bytes, made, time.monotonic() - started)
        return None

    def _start(self) -> None:
        if self._starting is None and time.monotonic() >= self._rests_until:
            self._starting = asyncio.create_task(self._replace())

    async def _replace(self) -> None:
        try:
            fresh = await self._launch()
        except (TimeoutError, OSError, EOFError, SandboxFailure) as exc:
            self._rests_until = time.monotonic() + _REST_S
            log.warning("compiler.not_started", reason=str(exc) or type(exc).__name__)
        else:
            old, self._server = self._server, fresh
            self._await_idleness()
            if old:
                async with old.busy:
                    await old.aclose()
        finally:
            self._starting = None

    async def _launch(self) -> _Server:
        ours, theirs = socket.socketpair()
        step = Step(self._argv, self._environment, _LIMITS, output_bytes=0, stdin=theirs, stop_on_overflow=False)
        box = asyncio.ensure_future(self._attend(Job({}, (step,), Template(_DISK_BYTES, _LIMITS))))
        box.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # whoever asks it, notices
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_MOST_BYTES)
            hello = asyncio.ensure_future(reader.readexactly(1))
            await asyncio.wait((hello, box), timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
            if not hello.done():
                hello.cancel()
                raise SandboxFailure("it did not get ready")
            hello.result()
        except BaseException:
            ours.close()
            box.cancel()
            await asyncio.gather(box, return_exceptions=True)
            raise
        finally:
            theirs.close()
        return _Server(reader, writer, box)

    def _drop(self, server: _Server) -> None:
        if self._server is server:
            self._server = None
        server.writer.close()
        server.box.cancel()

    def _await_idleness(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._be_idle)

    def _be_idle(self) -> None:
        if self._server:
            self._drop(self._server)


class Nonsense(Exception):
    """This is not what our own code would answer."""


async def _ask(server: _Server, name: bytes, source: bytes) -> tuple[int, bytes, dict[str, File]]:
    server.sources += 1
    for text in (name, source):
        server.writer.write(struct.pack(">i", len(text)) + text)
    await server.writer.drain()
    room = _Room(server.reader)
    (verdict,) = await server.reader.readexactly(1)
    said = await room.read()
    files = {}
    for _ in range(await room.number()):
        made = checked((await room.read()).decode())
        files[made] = File(await room.read())
    return verdict, said, files


class _Room:
    """Reads fields, up to `_MOST_BYTES` in all."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._left = _MOST_BYTES

    async def number(self) -> int:
        number: int = struct.unpack(">i", await self._reader.readexactly(4))[0]
        self._left -= 4
        if not 0 <= number <= self._left:
            raise Nonsense
        return number

    async def read(self) -> bytes:
        length = await self.number()
        self._left -= length
        return await self._reader.readexactly(length)


def checked(name: str) -> str:
    """The name of a class file in the work folder or a folder below it; `Nonsense` when it is anything else."""
    parts = name.split("/")
    if not name.endswith(".class") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Nonsense
    return name


def _ended(verdict: int, said: bytes, output_bytes: int, made: dict[str, File], wall_s: float) -> StepResult:
    """As the ordinary compiler's step would have ended; what it used is not known but for the time."""
    return StepResult(
        exit_code=0 if verdict == _COMPILED else 1,
        signal=None,
        cpu_s=wall_s,
        wall_s=wall_s,
        memory_bytes=0,
        stopped=None,
        stdout=said[:output_bytes],
        stderr=b"",
        truncated=len(said) > output_bytes,
        artefacts=made if verdict == _COMPILED else {},
    )
