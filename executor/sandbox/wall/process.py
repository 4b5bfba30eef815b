"""The process of the wall: bubblewrap, with the keeper inside it."""

import asyncio
import collections
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator

from executor.sandbox.keeper.process_tree import descendants
from executor.sandbox.wall.command import build_wall
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.subordinate import Gate
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Seconds to wait for the wall after it has been killed.
_KILL_TIMEOUT = 2.0
_KEPT_LINES = 10


class WallProcess:
    """A wall that can be started again after `end`. `on_line` gets each line that bubblewrap or the keeper writes."""

    def __init__(self, mechanisms: Mechanisms, on_line: Callable[[str], None]) -> None:
        self._mechanisms = mechanisms
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._last_lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)

    def pids(self) -> Iterator[int]:
        """Yield the ids of bubblewrap and of everything that it has started."""
        if self._process:
            yield self._process.pid
            yield from descendants(self._process.pid)

    def last_message(self) -> str:
        """Return the last lines as one. Of a traceback, only our last frame and the error are included."""
        lines = self._last_lines
        frames = [line for line in lines if line.startswith('File "/box/')]
        return f"the keeper failed {frames[-1].rpartition(', ')[2]}: {lines[-1]}" if frames else " ".join(lines)

    async def start(self, keepers_end: socket.socket) -> None:
        """Start bubblewrap with the keeper's socket as standard input, and close it here.

        Raises OSError if it cannot be started, and `Unavailable` if the users of boxes cannot be mapped.
        """
        mechanisms = self._mechanisms
        self._last_lines.clear()
        gate = Gate() if mechanisms.subordinates else None
        inherited = [gate.block, gate.info] if gate else []
        try:
            argv = build_wall(mechanisms, inherited, gate)
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=keepers_end.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=inherited,
                env={},
                start_new_session=True,  # Ctrl-C is for the executor, which then ends the wall
            )
        except BaseException:
            if gate:
                gate.close()
            raise
        finally:
            keepers_end.close()
            for descriptor in inherited:
                os.close(descriptor)
        assert self._process.stderr
        self._reader = asyncio.create_task(self._read_lines(self._process.stderr))
        if gate and mechanisms.subordinates:
            await asyncio.to_thread(gate.let_in, mechanisms.subordinates)

    async def end(self, grace_s: float = 0.0) -> None:
        """Wait until nothing of the wall is left, and kill it after `grace_s`. If that fails, log it and return."""
        if self._process and self._reader:
            ends = asyncio.gather(self._process.wait(), self._reader, return_exceptions=True)
            await asyncio.wait([ends], timeout=grace_s)
            if not ends.done():
                self.kill()
                await asyncio.wait([ends], timeout=_KILL_TIMEOUT)
            if not ends.done():
                log.error("wall.not_ended", pid=self._process.pid)
                ends.cancel()
        self._process = self._reader = None

    def kill(self) -> None:
        """Kill bubblewrap, and a script that may have started it. The kernel then kills everything inside the wall."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _read_lines(self, stderr: asyncio.StreamReader) -> None:
        """Read until everything in the wall has ended."""
        while True:
            try:
                line = await stderr.readline()
            except ValueError:  # the line is longer than any of ours
                continue
            if not line:
                return
            self._last_lines.append(line.decode(errors="replace").strip())
            self._on_line(self._last_lines[-1])
