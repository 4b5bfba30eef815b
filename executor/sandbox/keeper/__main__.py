"""The keeper's loop: take orders from the executor (standard input is the socket), have boxes made, watch them.

The first packet is the configuration: {"seccomp": hex, "seccomp_of_process_one": hex, "first_user": id or null,
"cgroups": version or null, "hierarchies": [names]} with one descriptor per hierarchy. When the executor is gone, so is
everything here.
"""

import contextlib
import os
import resource
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.box import LONGEST_SPAWN, WatchedBox
from executor.sandbox.keeper.meter import CgroupV1, CgroupV2, Meter
from executor.sandbox.keeper.protocol import READY, BoxGone, MakeBox, Report, StepLimits, decode_order, encode
from executor.sandbox.keeper.zygotes import Zygotes

#: Added to the executor's own (proc_pid_oom_score_adj(5)); boxes have more than the most.
_OOM_SCORE_ABOVE, _OOM_SCORE_MOST = 500, 900

_METERS: dict[int, type[CgroupV1] | type[CgroupV2]] = {1: CgroupV1, 2: CgroupV2}


class Keeper:
    def __init__(self, executor: socket.socket) -> None:
        self._executor = executor
        content, hierarchies = channel.receive(executor)
        self._meter_kind = _METERS.get(content["cgroups"])
        self._bases = dict(zip(content["hierarchies"], hierarchies, strict=True))
        self._boxes: dict[int, WatchedBox] = {}  # by box
        # Not epoll(7): what the kernel grants a user for that, a program of the same user may have used up.
        self._selector = selectors.PollSelector()
        self._zygotes = Zygotes(content, self._selector, self._spawned)

    def serve(self) -> None:
        """Until the executor closes its side."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps zygotes
        self._selector.register(self._executor, selectors.EVENT_READ, self._obey)
        self._executor.send(READY)
        while self._turn():
            pass

    def end_all(self) -> None:
        """Kill every box, and wait until each has gone and its cgroups are removed."""
        self._selector.unregister(self._executor)
        self._zygotes.end_all()
        for box in self._boxes.values():
            box.stop("killed")
        while self._boxes:
            self._turn()

    def _turn(self) -> bool:
        """Do what there is to do next. Returns False when the executor has closed its side."""
        now = time.monotonic()
        look = min((box.next_look for box in self._boxes.values()), default=float("inf"))
        for key, _ in self._selector.select(None if look == float("inf") else max(look - now, 0)):
            act: Callable[[], bool] = key.data
            if not act():
                return False
        now = time.monotonic()
        for box in [box for box in self._boxes.values() if box.next_look <= now]:
            if box.process >= 0:
                self._look(box)
            else:
                box.next_look = float("inf")
                self._zygotes.end_late(box.id, f"the zygote made no box within {LONGEST_SPAWN:g} s")
        return True

    def _look(self, box: WatchedBox) -> None:
        with self._at_its_own_cost(box):
            box.look()
        if box.lingers:
            self._close(box)

    def _obey(self) -> bool:
        packet, descriptors = channel.receive_packet(self._executor)
        if not packet:
            return False
        order = decode_order(packet)
        if order is None:
            self._executor.send(READY)
        elif isinstance(order, MakeBox):
            self._prepare(order, descriptors)
        elif isinstance(order, int):
            if box := self._boxes.get(order):
                box.stop("killed")
        elif box := self._boxes.get(order.id):
            box.begin(order, descriptors)
        else:  # its box has just gone, and the executor is told
            channel.close(descriptors)
        return True

    def _prepare(self, order: MakeBox, streams: list[int]) -> None:
        meter: Meter | None = None
        joins: list[int] = []
        sockets: tuple[socket.socket, ...] = ()
        try:
            sockets = ours, theirs = channel.pair()
            if self._meter_kind:
                meter = self._meter_kind(self._bases, f"{order.id}.0", order.limits)
                joins = meter.joins()
            self._zygotes.order(order, theirs, joins, streams)
        except (OSError, ValueError) as exc:
            for end in sockets:
                end.close()
            if meter:
                meter.close()
            self._send(BoxGone(order.id, f"the box could not be made: {exc}"))
            return
        finally:
            channel.close([*joins, *streams])
        theirs.close()
        box = WatchedBox(order.id, ours, meter, self._new_meter(order.id))
        self._boxes[order.id] = box
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(box))

    def _new_meter(self, box: int) -> Callable[[int, StepLimits], Meter] | None:
        kind = self._meter_kind
        return kind and (lambda step, limits: kind(self._bases, f"{box}.{step}", limits))

    def _spawned(self, id_: int, init: int, process: int | None, failure: str) -> None:
        box = self._boxes[id_]
        if process is None:
            box.fail(failure)
            self._close(box)
            return
        box.spawned(init, process)
        self._selector.register(process, selectors.EVENT_READ, lambda: self._close(box))

    def _hear(self, box: WatchedBox) -> bool:
        if box.id not in self._boxes:  # it has gone since the selector said that there is something to hear
            return True
        with self._at_its_own_cost(box):
            for report in box.hear():
                self._send(report)
        if box.silent:
            self._forget(box)
        return True

    def _close(self, box: WatchedBox) -> bool:
        del self._boxes[box.id]
        if box.process >= 0:
            self._selector.unregister(box.process)
        self._forget(box)
        for report in box.close():
            self._send(report)
        return True

    @contextlib.contextmanager
    def _at_its_own_cost(self, box: WatchedBox) -> Iterator[None]:
        """End only this box if the kernel refuses us files or memory for it."""
        try:
            yield
        except OSError as exc:
            box.fail(f"the box cannot be watched: {exc}")
            box.stop("killed")

    def _forget(self, box: WatchedBox) -> None:
        if box.channel.fileno() in self._selector.get_map():
            self._selector.unregister(box.channel)

    def _send(self, message: Report) -> None:
        with contextlib.suppress(ConnectionError):  # the executor has left; then `serve` ends in a moment
            self._executor.send(encode(message))


def _die_before_the_executor() -> None:
    """If memory runs out, let boxes end first (`DIES_SECOND` in init/pid1.c), then the keeper and its zygotes."""
    score = Path("/proc/self/oom_score_adj")
    executors = int(score.read_text())
    score.write_text(str(max(executors, min(executors + _OOM_SCORE_ABOVE, _OOM_SCORE_MOST))))


def _start_no_core_handler() -> None:
    """Prevent crashes of this process and its descendants from starting the host's program for core dumps.

    The kernel starts it as root unless the limit for core files is 1 (core(5)). `executor.doctor.probes` detects if we
    may not set that.
    """
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def main() -> int:
    # Whatever came along from whoever started us; what is opened from here on stays here (PEP 446).
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # every box that stands ready takes some
    _die_before_the_executor()
    _start_no_core_handler()
    keeper = Keeper(socket.socket(fileno=0))
    try:
        keeper.serve()
    finally:
        keeper.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
