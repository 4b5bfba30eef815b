"""The keeper's loop: take orders from the executor (standard input is the socket), have boxes made, watch them.

The first packet is the configuration: {"seccomp": hex, "seccomp_of_process_one": hex, "first_user": id or null,
"cgroups": version or null, "hierarchies": [names]} with one descriptor per hierarchy. When the executor ends, the
keeper ends with all boxes.
"""

import contextlib
import json
import operator
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
from executor.sandbox.keeper.box import SPAWN_TIMEOUT, WatchedBox
from executor.sandbox.keeper.cgroup_limits import CgroupV1, CgroupV2
from executor.sandbox.keeper.meter import Meter
from executor.sandbox.keeper.open_files import raise_file_limit
from executor.sandbox.keeper.protocol import (
    READY,
    Begin,
    BoxGone,
    GiveWay,
    Kill,
    Lap,
    MakeBox,
    Order,
    Report,
    Signal,
    SliceUsed,
    decode_order,
    encode,
)
from executor.sandbox.keeper.zygotes import Zygotes

#: Added to the executor's score, which the keeper inherits, up to a maximum (proc_pid_oom_score_adj(5)). Boxes have a
#: higher score.
_OOM_SCORE_ADDED, _OOM_SCORE_MAX = 500, 900

_NEVER = float("inf")
_next_check = operator.attrgetter("next_check")

_METERS: dict[int, type[CgroupV1] | type[CgroupV2]] = {1: CgroupV1, 2: CgroupV2}


class Keeper:
    def __init__(self, executor: socket.socket) -> None:
        self._executor = executor
        packet, hierarchies = channel.receive(executor)
        content = json.loads(packet)
        self._meter_kind = _METERS.get(content["cgroups"])
        self._bases = dict(zip(content["hierarchies"], hierarchies, strict=True))
        self._boxes: dict[int, WatchedBox] = {}
        # The kernel limits the watches of epoll(7) per user, and a program of the same user may have used them up.
        shares_user = content["first_user"] is None
        self._selector = selectors.PollSelector() if shares_user else selectors.EpollSelector()
        self._zygotes = Zygotes(content, self._selector, self._spawned)

    def serve(self) -> None:
        """Serve the executor until it closes its side."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps zygotes
        self._selector.register(self._executor, selectors.EVENT_READ, self._take_order)
        self._executor.send(READY)
        while self._run_once():
            pass

    def end_all(self) -> None:
        """Kill every box, and wait until each has gone and its cgroups are removed."""
        self._selector.unregister(self._executor)
        self._zygotes.kill_all()
        for box in self._boxes.values():
            box.stop("killed")
        while self._boxes:
            self._run_once()

    def _run_once(self) -> bool:
        """Wait for events or the next check, and handle them. Returns False if the executor has closed its side."""
        next_check = min([self._zygotes.next_expiry, *map(_next_check, self._boxes.values())])
        for key, _ in self._selector.select(None if next_check == _NEVER else max(next_check - time.monotonic(), 0)):
            handle: Callable[[], bool] = key.data
            if not handle():
                return False
        now = time.monotonic()
        if self._zygotes.next_expiry <= now:
            self._zygotes.retire_old()
        # Most boxes only wait, so they are not looked at again after each event.
        for box in [box for box in self._boxes.values() if box.next_check <= now] if next_check <= now else ():
            if box.next_check > now:  # the check of another box has stopped it
                continue
            if box.process >= 0:
                self._check_limits(box)
            else:
                box.next_check = _NEVER
                self._zygotes.kill_late(box.id, f"the zygote made no box within {SPAWN_TIMEOUT:g} s")
        return True

    def _check_limits(self, box: WatchedBox) -> None:
        with self._failing_alone(box):
            box.check_limits()
            if box.has_just_used_slice():
                self._send(SliceUsed(box.id))
        if box.is_stuck:
            self._close(box)

    def _take_order(self) -> bool:
        packet, descriptors = channel.receive(self._executor)
        if not packet:
            return False
        order = decode_order(packet)
        if order is None:
            self._executor.send(READY)
        elif isinstance(order, MakeBox):
            self._make_box(order)
        elif box := self._boxes.get(order.id):
            self._obey(order, box, descriptors)
        else:  # its box has just gone, and a `BoxGone` is on its way
            channel.close(descriptors)
        return True

    def _obey(self, order: Order, box: WatchedBox, descriptors: list[int]) -> None:
        match order:
            case Begin():
                if order.judge not in (None, order.id) and (judge := self._boxes.get(order.judge)):
                    box.talk_with(judge)
                box.begin(order, descriptors)
            case Kill():
                # The executor may kill the box in its next step, so the end of its program counts first.
                self._read_reports(box)
                box.stop("killed")
            case Signal():
                box.signal(order.number)
            case GiveWay():
                with self._failing_alone(box):
                    box.give_way()
            case Lap():
                self._send(box.begin_lap(order))

    def _make_box(self, order: MakeBox) -> None:
        meter: Meter | None = None
        joins: list[int] = []
        sockets: tuple[socket.socket, ...] = ()
        try:
            sockets = ours, theirs = channel.wide_pair()
            if self._meter_kind:
                meter = self._meter_kind(self._bases, str(order.id), order.template.limits)
                joins = meter.joins()
            self._zygotes.order(order, theirs, joins)
        except (OSError, ValueError) as exc:
            for end in sockets:
                end.close()
            if meter:
                meter.close()
            self._send(BoxGone(order.id, f"the box could not be made: {exc}"))
            return
        finally:
            channel.close(joins)
        theirs.close()
        box = WatchedBox(order.id, ours, meter)
        self._boxes[order.id] = box
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._read_reports(box))

    def _spawned(self, id_: int, init: int, process: int | None, failure: str) -> None:
        box = self._boxes[id_]
        if process is None:
            box.fail(failure)
            self._close(box)
            return
        box.spawned(init, process)
        self._selector.register(process, selectors.EVENT_READ, lambda: self._close(box))

    def _read_reports(self, box: WatchedBox) -> bool:
        if box.id not in self._boxes:  # it has gone since `select` returned
            return True
        with self._failing_alone(box):
            for report in box.read_reports():
                self._send(report)
        if box.is_silent:
            self._unregister_channel(box)
        return True

    def _close(self, box: WatchedBox) -> bool:
        del self._boxes[box.id]
        if box.process >= 0:
            self._selector.unregister(box.process)
        self._unregister_channel(box)
        for report in box.close():
            self._send(report)
        return True

    @contextlib.contextmanager
    def _failing_alone(self, box: WatchedBox) -> Iterator[None]:
        """End only this box if the kernel refuses the keeper files or memory for it."""
        try:
            yield
        except OSError as exc:
            box.fail(f"the box cannot be watched: {exc}")
            box.stop("killed")

    def _unregister_channel(self, box: WatchedBox) -> None:
        if box.channel.fileno() in self._selector.get_map():
            self._selector.unregister(box.channel)

    def _send(self, message: Report) -> None:
        with contextlib.suppress(ConnectionError):  # the executor has ended, and `serve` ends in a moment
            self._executor.send(encode(message))


def _die_before_the_executor() -> None:
    """Let the kernel kill boxes first if memory runs out (`DIES_SECOND` in init/pid1.c), then keeper and zygotes."""
    score = Path("/proc/self/oom_score_adj")
    present = int(score.read_text())
    score.write_text(str(max(present, min(present + _OOM_SCORE_ADDED, _OOM_SCORE_MAX))))


def _start_no_core_handler() -> None:
    """Prevent crashes of this process and its descendants from starting the host's program for core dumps.

    The kernel starts it as root unless the limit for core files is 1 (core(5)). `executor.doctor.probes` detects if the
    keeper may not set that.
    """
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def main() -> int:
    # Close descriptors that were inherited by accident. Later ones are not inherited by children (PEP 446).
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    raise_file_limit()  # every waiting box needs some
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
