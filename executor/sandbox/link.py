"""The executor's side of the keeper: raises the wall with it inside, sends it orders, hears its reports."""

import asyncio
import collections
import contextlib
import json
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox.base import HEADERS, RUNTIMES, SandboxFailure
from executor.sandbox.keeper.protocol import ASK, MAX_PACKET, Report, decode_report
from executor.sandbox.vitals import Vitals, Watch, descendants
from executor.sandbox.wall import seccomp
from executor.sandbox.wall.cgroups import Cgroups, NotTaken
from executor.sandbox.wall.command import build_wall
from executor.sandbox.wall.subordinate import Gate, Subordinates, Unavailable
from shared.logging import get_logger

log = get_logger(__name__)

#: Seconds that the wall has to end by itself before it is killed, and seconds to wait for it then.
_STOP_TIMEOUT, _KILL_TIMEOUT = 5.0, 2.0
_AGAIN_S = 0.001
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


@dataclass(frozen=True)
class Mechanisms:
    """What this host lets us use; found out once, in `executor.host`."""

    bubblewrap: Path
    privileged: bool
    first_user: int | None
    cgroups: Cgroups | None
    headers: Path | None = None
    runtimes: Path | None = None
    subordinates: Subordinates | None = None
    #: Why programs have no users of their own, and what to do about it.
    why_shared: str = ""
    #: Why this bubblewrap was taken, where it is not the system's.
    why_bubblewrap: str = ""
    #: Why limits are sampled where there are no cgroups.
    why_sampled: NotTaken | None = None

    @property
    def own_users(self) -> bool:
        """True if each box is another user to the kernel; False if all boxes are the executor's own user."""
        return self.first_user is not None


class KeeperLink:
    """`hear` gets every report; `lost` is called when the keeper has gone, after which another can be started.

    A keeper that hangs is killed: one that does nothing for `patience_s`, but is waited for.
    """

    def __init__(
        self,
        mechanisms: Mechanisms,
        hear: Callable[[Report], None],
        lost: Callable[[str], None],
        patience_s: float,
    ) -> None:
        self._mechanisms = mechanisms
        self._hear_report = hear
        self._tell_lost = lost
        self._patience_s = patience_s
        self._starting = asyncio.Lock()
        self._closed = False
        #: None until the keeper is ready.
        self._socket: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._last_words: collections.deque[str] = collections.deque(maxlen=10)
        #: The keeper's process id, once it is ready.
        self.keeper = 0
        self._vitals = Vitals(lambda: [self.keeper])
        self._watch: Watch | None = None

    async def start(self) -> bool:
        """Raise the wall; False when it stands. `SandboxFailure` with bubblewrap's own words if the host forbids it."""
        async with self._starting:
            if self._closed:
                raise SandboxFailure("the sandbox has been closed")
            if self._socket is not None:
                return False
            await self._start()
            return True

    @property
    def is_up(self) -> bool:
        return self._socket is not None

    async def aclose(self) -> None:
        """Kill everything that runs. Nothing can be started afterwards."""
        self._closed = True
        grace_s = _STOP_TIMEOUT if self.is_up else 0
        if not self.is_up:
            self._kill()  # it is being raised
        async with self._starting:
            self._lose("the sandbox has been closed")
            await self._end(grace_s)

    def abandon(self, reason: str) -> None:
        """Kill the keeper and everything that runs, and tell the reason to those who wait for it."""
        self._kill()
        self._lose(reason)

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        """The descriptors are closed; `SandboxFailure` when the keeper cannot be reached."""
        try:
            if len(packet) > MAX_PACKET:  # the keeper would get a part of it, which nobody can read
                raise SandboxFailure(f"an order of {len(packet)} bytes is too large")
            await self._send(packet, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def kill(self, box: int) -> None:
        if self._socket:
            try:
                self._socket.send(json.dumps({"kill": box}).encode())
            except BlockingIOError:  # the keeper is busy; it reads again in a moment
                asyncio.get_running_loop().call_later(_AGAIN_S, self.kill, box)
            except OSError:
                pass  # it is gone, and every box with it

    async def _send(self, packet: bytes, descriptors: list[int]) -> None:
        while self._socket:
            try:
                socket.send_fds(self._socket, [packet], descriptors)
            except BlockingIOError:
                await asyncio.sleep(_AGAIN_S)  # the keeper is busy; it reads again in a moment
            except OSError as exc:
                raise SandboxFailure(f"the keeper cannot be reached: {exc}") from exc
            else:
                return
        raise SandboxFailure("the keeper is not running")

    async def _start(self) -> None:
        await self._end()  # of the wall before, which was lost
        self._last_words.clear()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        is_ready, reason = False, ""
        try:
            async with self._unless_it_hangs():
                await self._raise_wall(theirs)
                is_ready = await self._greet(ours)
        except TimeoutError:
            reason = "bubblewrap hung before the keeper was ready"
        except Unavailable as exc:
            reason = str(exc)
        except OSError as exc:
            reason = f"the wall cannot be raised: {exc}"
        finally:
            theirs.close()
            if not is_ready:
                ours.close()
                self._kill()
        if not is_ready:
            await self._end()
            words = filter(None, (reason, _sentence(self._last_words)))
            raise SandboxFailure(": ".join(words) or "bubblewrap ended without a word")
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._hear)
        self._watch = Watch(self._patience_s, self._ask, self._give_up)

    @contextlib.asynccontextmanager
    async def _unless_it_hangs(self) -> AsyncIterator[None]:
        """Raise `TimeoutError` in the block when nothing in the wall does anything."""
        vitals = Vitals(self._processes)
        async with asyncio.timeout(None) as deadline:
            watch = Watch(self._patience_s, vitals.have_moved, lambda: deadline.reschedule(0))
            try:
                yield
            finally:
                watch.stop()

    def _processes(self) -> Iterator[int]:
        """Bubblewrap, and all that it has started."""
        if self._process:
            yield self._process.pid
            yield from descendants(self._process.pid)

    async def _raise_wall(self, theirs: socket.socket) -> None:
        mechanisms = self._mechanisms
        folders = {HEADERS: mechanisms.headers, RUNTIMES: mechanisms.runtimes}
        gate = Gate() if mechanisms.subordinates else None
        inherited = (gate.block, gate.info) if gate else ()
        plan = build_wall(
            mechanisms.bubblewrap,
            mechanisms.privileged,
            seccomp.for_the_wall(),
            folders,
            gate,
            cgroup_namespace=not mechanisms.cgroups or mechanisms.cgroups.version == 1,
        )
        try:
            self._process = await asyncio.create_subprocess_exec(
                *plan.argv,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(*plan.descriptors, *inherited),
                env={},
                start_new_session=True,  # a Ctrl-C is for the executor, which ends the wall in good order
            )
        except BaseException:
            if gate:
                gate.close()
            raise
        finally:
            theirs.close()
            for descriptor in (*plan.descriptors, *inherited):
                os.close(descriptor)
        assert self._process.stderr
        self._listener = asyncio.create_task(self._listen(self._process.stderr))
        if gate and mechanisms.subordinates:
            await asyncio.to_thread(gate.let_in, mechanisms.subordinates)

    async def _greet(self, ours: socket.socket) -> bool:
        """Send the keeper its configuration. Returns False if no keeper answers."""
        cgroups = self._mechanisms.cgroups
        hierarchies = dict(cgroups.folders) if cgroups else {}
        configuration = {
            "seccomp": seccomp.build(counted_by_cgroup=cgroups is not None).hex(),
            "seccomp_of_process_one": seccomp.for_process_one().hex(),
            "first_user": self._mechanisms.first_user,
            "cgroups": cgroups.version if cgroups else None,
            "hierarchies": list(hierarchies),
        }
        descriptors = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in hierarchies.values()]
        try:
            socket.send_fds(ours, [json.dumps(configuration).encode()], descriptors)
            await _readable(ours)
            said, ancillary, _, _ = ours.recvmsg(MAX_PACKET, socket.CMSG_SPACE(_CREDENTIALS.size))
            self.keeper = _CREDENTIALS.unpack(ancillary[0][2])[0] if ancillary else 0
            return bool(said)
        except ConnectionError:
            return False
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        """Wait until everything in the wall has ended."""
        while True:
            try:
                line = await stderr.readline()
            except ValueError:  # longer than anything that we say
                continue
            if not line:
                return
            self._last_words.append(line.decode(errors="replace").strip())
            if self._socket:  # before that, the caller of `start` gets them
                log.warning("keeper.said", text=self._last_words[-1])

    async def _end(self, grace_s: float = 0.0) -> None:
        """Return when nothing of the wall is left. It is killed after `grace_s`, and waited for a little longer."""
        if self._process and self._listener:
            ends = asyncio.gather(self._process.wait(), self._listener, return_exceptions=True)
            await asyncio.wait([ends], timeout=grace_s)
            if not ends.done():
                self._kill()
                await asyncio.wait([ends], timeout=_KILL_TIMEOUT)
            if not ends.done():
                log.error("wall.not_ended", pid=self._process.pid)
                ends.cancel()
        self._process = self._listener = None

    def _kill(self) -> None:
        """Kill bubblewrap and what else a stand-in for it may be. The kernel kills all that is inside the wall."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _hear(self) -> None:
        while self._socket:
            try:
                packet = self._socket.recv(MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                log.error("keeper.lost")
                self._lose("the keeper ended")
                return
            if self._watch:
                self._watch.begin_again()
            report = decode_report(packet)
            if report:
                self._hear_report(report)

    def _ask(self) -> bool:
        """Ask the keeper for a sign of life. Returns whether it has done anything."""
        if self._socket:
            with contextlib.suppress(OSError):  # one that takes nothing does not answer either
                self._socket.send(ASK)
        return self._vitals.have_moved()

    def _give_up(self) -> None:
        log.error("keeper.hung", pid=self.keeper)
        self.abandon("the keeper hung")

    def _lose(self, reason: str) -> None:
        if self._watch:
            self._watch.stop()
            self._watch = None
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._tell_lost(reason)


async def _readable(end: socket.socket) -> None:
    """Return when there is something to receive, or nobody left to send it."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(end, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(end)


def _sentence(said: Sequence[str]) -> str:
    """Return bubblewrap's or the keeper's last words in one line: of a traceback our last frame, and its last line."""
    frames = [line for line in said if line.startswith('File "/box/')]
    return f"the keeper failed {frames[-1].rpartition(', ')[2]}: {said[-1]}" if frames else " ".join(said)
