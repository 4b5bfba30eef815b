"""The executor's connection to the keeper: starts it inside the wall, sends orders, and receives reports."""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable

from executor.sandbox.base import SandboxFailure
from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import ASK, MAX_PACKET, Order, Report, decode_report, encode
from executor.sandbox.progress import ProcessActivity, ProgressWatch
from executor.sandbox.wall import seccomp
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.process import WallProcess
from executor.sandbox.wall.subordinate import Unavailable
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Seconds in which the wall must end by itself before it is killed.
_STOP_TIMEOUT = 5.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


class KeeperLink:
    """`on_report` gets every report. `on_lost` is called when the keeper has ended; then another can be started.

    The keeper is killed if it hangs: if it neither uses a processor nor sends anything for `patience_s` seconds.
    """

    def __init__(
        self,
        mechanisms: Mechanisms,
        on_report: Callable[[Report], None],
        on_lost: Callable[[str], None],
        patience_s: float,
    ) -> None:
        self._mechanisms = mechanisms
        self._on_report = on_report
        self._on_lost = on_lost
        self._patience_s = patience_s
        self._starting = asyncio.Lock()
        self._closed = False
        self._wall = WallProcess(mechanisms, self._log_line)
        #: None until the keeper is ready.
        self._socket: socket.socket | None = None
        #: The keeper's process id, once it is ready.
        self.keeper = 0
        self._activity = ProcessActivity(lambda: [self.keeper])
        self._watch: ProgressWatch | None = None
        #: Done when the socket has room again, or is closed. None if nothing waits for that.
        self._room: asyncio.Future[None] | None = None

    async def start(self) -> bool:
        """Raise the wall if it is not up, and return True if it was raised now.

        Raises `SandboxFailure` with bubblewrap's message if the host forbids it.
        """
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
            self._wall.kill()  # `start` may be raising it
        async with self._starting:
            self._lose("the sandbox has been closed")
            await self._wall.end(grace_s)

    def abandon(self, reason: str) -> None:
        """Kill the keeper and everything that runs, and pass the reason to `on_lost`."""
        self._wall.kill()
        self._lose(reason)

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        """Send a packet, and close the descriptors. Raises `SandboxFailure` if the keeper cannot be reached."""
        try:
            if len(packet) > MAX_PACKET:  # the keeper would get only a part of it
                raise SandboxFailure(f"an order of {len(packet)} bytes is too large")
            await self._send(packet, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def send_soon(self, order: Order) -> None:
        """Send an order without descriptors. It is lost if its box has gone."""
        if self._socket:
            try:
                self._socket.send(encode(order))
            except BlockingIOError:  # the keeper is busy
                self._wait_for_room(self._socket).add_done_callback(lambda _: self.send_soon(order))
            except OSError:
                pass  # the keeper has ended, and every box with it

    async def _send(self, packet: bytes, descriptors: list[int]) -> None:
        while self._socket:
            try:
                socket.send_fds(self._socket, [packet], descriptors)
            except BlockingIOError:  # the keeper is busy
                await asyncio.shield(self._wait_for_room(self._socket))
            except OSError as exc:
                raise SandboxFailure(f"the keeper cannot be reached: {exc}") from exc
            else:
                return
        raise SandboxFailure("the keeper is not running")

    def _wait_for_room(self, full: socket.socket) -> asyncio.Future[None]:
        if self._room is None:
            loop = asyncio.get_running_loop()
            self._room = loop.create_future()
            loop.add_writer(full, self._stop_waiting_for_room, full)
        return self._room

    def _stop_waiting_for_room(self, full: socket.socket) -> None:
        asyncio.get_running_loop().remove_writer(full)
        if self._room:
            self._room.set_result(None)
            self._room = None

    async def _start(self) -> None:
        await self._wall.end()  # the previous one, if its keeper was lost
        ours, theirs = channel.wide_pair()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        is_ready, reason = False, ""
        try:
            async with self._failing_if_it_hangs():
                await self._wall.start(theirs)
                is_ready = await self._configure_keeper(ours)
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
                self._wall.kill()
        if not is_ready:
            await self._wall.end()
            message = ": ".join(filter(None, (reason, self._wall.last_message())))
            raise SandboxFailure(message or "bubblewrap ended without a message")
        if self._mechanisms.cgroups:
            # Only now, because the kernel keeps a cgroup until the last process in it has ended.
            self._mechanisms.cgroups.remove_children()
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._read_reports)
        self._watch = ProgressWatch(self._patience_s, self._ask, self._give_up)

    @contextlib.asynccontextmanager
    async def _failing_if_it_hangs(self) -> AsyncIterator[None]:
        """Raise `TimeoutError` in the block if no process of the wall does anything."""
        activity = ProcessActivity(self._wall.pids)
        async with asyncio.timeout(None) as deadline:
            watch = ProgressWatch(self._patience_s, activity.has_changed, lambda: deadline.reschedule(0))
            try:
                yield
            finally:
                watch.stop()

    async def _configure_keeper(self, ours: socket.socket) -> bool:
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
            answer, ancillary, _, _ = ours.recvmsg(MAX_PACKET, socket.CMSG_SPACE(_CREDENTIALS.size))
            self.keeper = _CREDENTIALS.unpack(ancillary[0][2])[0] if ancillary else 0
            return bool(answer)
        except ConnectionError:
            return False
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _log_line(self, line: str) -> None:
        if self._socket:  # before that, `start` raises it
            log.warning("keeper.message", text=line)

    def _read_reports(self) -> None:
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
                self._watch.reset()
            report = decode_report(packet)
            if report:
                self._on_report(report)

    def _ask(self) -> bool:
        """Ask the keeper for a sign of life. Returns True if it has done anything since the last call."""
        if self._socket:
            with contextlib.suppress(OSError):  # a full socket gets no answer either
                self._socket.send(ASK)
        return self._activity.has_changed()

    def _give_up(self) -> None:
        log.error("keeper.hung", pid=self.keeper)
        self.abandon("the keeper hung")

    def _lose(self, reason: str) -> None:
        if self._watch:
            self._watch.stop()
            self._watch = None
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._stop_waiting_for_room(self._socket)
            self._socket.close()
            self._socket = None
        self._on_lost(reason)


async def _readable(end: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(end, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(end)
