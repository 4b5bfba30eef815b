"""The keeper's loop: take tasks and kills from the executor (standard input is the socket), start boxes, watch them.

The first packet is the configuration: {"seccomp": hex, "users": [first, count] or null, "cgroups": version or null,
"hierarchies": [names]} with one descriptor per hierarchy. When the executor is gone, so is everything here.
"""

import array
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from executor.sandbox.keeper import init, kernel
from executor.sandbox.keeper.meter import CgroupV1, CgroupV2, Meter
from executor.sandbox.keeper.processes import SampledMeter
from executor.sandbox.keeper.protocol import (
    MAX_DESCRIPTORS,
    MAX_PACKET,
    StageReport,
    Task,
    TaskDone,
    decode_task,
    encode,
)
from executor.sandbox.keeper.run import Run


class Keeper:
    def __init__(self, executor: socket.socket) -> None:
        self._executor = executor
        content, hierarchies = self._receive()
        self._seccomp = bytes.fromhex(content["seccomp"])
        self._first_user: int | None = content["first_user"]
        kinds: dict[int | None, type[CgroupV1] | type[CgroupV2]] = {1: CgroupV1, 2: CgroupV2}
        self._cgroups = kinds.get(content["cgroups"])
        self._bases = dict(zip(content["hierarchies"], hierarchies, strict=True))
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self._runs: dict[int, Run] = {}  # by process 1
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Until the executor closes its side."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(woken, selectors.EVENT_READ, lambda: bool(woken.recv(4096)))
        self._selector.register(self._executor, selectors.EVENT_READ, self._obey)
        self._executor.send(b'{"ready": true}')
        while True:
            now = time.monotonic()
            look = min((run.next_look for run in self._runs.values()), default=float("inf"))
            for key, _ in self._selector.select(None if look == float("inf") else max(look - now, 0)):
                act: Callable[[], bool] = key.data
                if not act():
                    return
            self._reap()
            now = time.monotonic()
            for run in self._runs.values():
                if run.next_look <= now:
                    run.look()

    def end_all(self) -> None:
        for run in self._runs.values():
            run.stop("killed")
        while self._runs:
            self._reap(0)

    def _obey(self) -> bool:
        content, descriptors = self._receive()
        if not content:
            return False
        if "kill" in content:
            for run in self._runs.values():
                if run.task.id == content["kill"]:
                    run.stop("killed")
        else:
            task = decode_task(content)
            try:
                self._start(task, descriptors)
            except OSError as exc:
                self._send(TaskDone(task.id, f"the box could not be made: {exc}"))
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        return True

    def _start(self, task: Task, descriptors: list[int]) -> None:
        meters: list[Meter] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            if self._cgroups:
                for index, stage in enumerate(task.stages):
                    meters.append(self._cgroups(self._bases, f"{task.id}.{index}", stage.limits))
            pid = self._fork(task, descriptors, meters, theirs)
        except OSError:
            ours.close()
            for meter in meters:
                meter.close()
            raise
        finally:
            theirs.close()
        run = Run(task, pid, ours, meters, None if self._cgroups else SampledMeter)
        self._runs[pid] = run
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(run))

    def _fork(self, task: Task, descriptors: list[int], meters: list[Meter], channel: socket.socket) -> int:
        """Process 1 of a new pid namespace; returns its process id here."""
        joins = [meter.join for meter in meters] or [lambda: None for _ in task.stages]
        user = 0 if self._first_user is None else self._first_user + task.slot
        kernel.unshare(kernel.CLONE_NEWPID)  # for the next child
        try:
            pid = os.fork()
            if pid == 0:
                init.live(task, descriptors, joins, user, self._seccomp, channel)
            return pid
        finally:
            kernel.setns(self._own_pid_namespace, kernel.CLONE_NEWPID)

    def _hear(self, run: Run) -> bool:
        for report in run.hear():
            self._send(report)
        if run.silent:
            self._forget(run)
        return True

    def _forget(self, run: Run) -> None:
        if run.channel.fileno() in self._selector.get_map():
            self._selector.unregister(run.channel)

    def _reap(self, options: int = os.WNOHANG) -> None:
        while self._runs:
            pid, _ = os.waitpid(-1, options)
            if pid == 0:
                return
            run = self._runs.pop(pid, None)
            if run:
                self._forget(run)
                for message in run.close():
                    self._send(message)

    def _send(self, message: StageReport | TaskDone) -> None:
        self._executor.send(encode(message))

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        packet, ancillary, _, _ = self._executor.recvmsg(MAX_PACKET, room, socket.MSG_CMSG_CLOEXEC)
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        return (json.loads(packet) if packet else {}), list(descriptors)


def main() -> int:
    keeper = Keeper(socket.socket(fileno=0))
    try:
        keeper.serve()
    finally:
        keeper.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
