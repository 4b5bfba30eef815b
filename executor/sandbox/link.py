"""The executor's side of the keeper: raises the wall with it inside, sends it orders, hears its reports."""

import asyncio
import collections
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox import seccomp, wall
from executor.sandbox.base import SandboxFailure
from executor.sandbox.cgroups import Cgroups, NotTaken
from executor.sandbox.keeper.protocol import MAX_PACKET, Report, decode_report
from executor.sandbox.subordinate import Gate, Subordinates, Unavailable
from shared.logging import get_logger

log = get_logger(__name__)

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 5.0
_AGAIN_S = 0.001


@dataclass(frozen=True)
class Mechanisms:
    """What this host lets us use; found out once, in `executor.mechanisms`."""

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
    """`hear` gets every report; `lost` is called when the keeper has gone, after which another can be started."""

    def __init__(
        self,
        mechanisms: Mechanisms,
        hear: Callable[[Report], None],
        lost: Callable[[str], None],
    ) -> None:
        self._mechanisms = mechanisms
        self._hear_report = hear
        self._tell_lost = lost
        self._starting = asyncio.Lock()
        self._socket: socket.socket | None = None
        self._raised = False
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._last_words: collections.deque[str] = collections.deque(maxlen=10)

    async def start(self) -> bool:
        """Raise the wall; False when it stands. `SandboxFailure` with bubblewrap's own words if the host forbids it."""
        async with self._starting:
            if self._socket is not None:
                return False
            await self._start()
            return True

    @property
    def is_up(self) -> bool:
        return self._socket is not None and self._raised

    async def aclose(self) -> None:
        """Everything that runs is killed."""
        process = self._process
        self._lose("the executor is stopping")
        if process:
            try:
                await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._listener:
            await self._listener

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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        mechanisms = self._mechanisms
        folders = {wall.HEADERS: mechanisms.headers, wall.RUNTIMES: mechanisms.runtimes}
        gate = Gate() if mechanisms.subordinates else None
        plan = wall.build(
            mechanisms.bubblewrap,
            mechanisms.privileged,
            seccomp.for_the_wall(),
            folders,
            gate,
            cgroup_namespace=not mechanisms.cgroups or mechanisms.cgroups.version == 1,
        )
        inherited = (gate.block, gate.info) if gate else ()
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
        finally:
            theirs.close()
            for descriptor in (*plan.descriptors, *inherited):
                os.close(descriptor)
        self._socket = ours
        assert self._process.stderr
        self._listener = asyncio.create_task(self._listen(self._process.stderr))
        try:
            if gate and mechanisms.subordinates:
                await asyncio.to_thread(gate.let_in, mechanisms.subordinates)
            await self._configure()
            ready = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, MAX_PACKET), _START_TIMEOUT)
        except Unavailable as exc:
            self._last_words.append(str(exc))
            ready = b""
        except (SandboxFailure, TimeoutError, OSError):
            ready = b""
        if not ready:
            ours.close()
            self._socket = None
            await self._listener
            raise SandboxFailure(" ".join(self._last_words) or "bubblewrap ended without a word")
        self._raised = True
        asyncio.get_running_loop().add_reader(ours, self._hear)

    async def _configure(self) -> None:
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
        await self.send(json.dumps(configuration).encode(), descriptors)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        self._last_words.clear()
        self._raised = False
        async for line in stderr:
            self._last_words.append(line.decode(errors="replace").strip())
            if self._raised:  # before, whoever starts us is told
                log.warning("keeper.said", text=self._last_words[-1])

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
            report = decode_report(packet)
            if report:
                self._hear_report(report)

    def _lose(self, reason: str) -> None:
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._raised = False
        self._tell_lost(reason)
