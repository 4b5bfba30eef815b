"""The keeper's side of the zygotes: starts them, orders boxes from them, and replaces them before too many came from
one."""

import contextlib
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import RUN_STACK_BYTES, MakeBox, Zygote, to_words

#: Programs of one runtime share its hash seed and memory layout; no more of them than this, nor for longer.
_MOST_PROGRAMS, _LONGEST_S = 100, 600.0
#: The next runtime is started when so many boxes are left to the one in use: it takes as long as some boxes take.
_AHEAD = 10
#: A zygote that takes no order for so long has failed. It has to leave some two hundred unread for that.
_LONGEST_SEND_S = 5.0
#: Of everything that is started anew. Nothing of one box can be told in another, so the first may be the last.
_PLAIN = Zygote(("/box/zygote",), {})
#: Where a zygote finds the keeper's socket: `CONTROL` in init/init.h.
_CONTROL = 3

#: Box, process 1, its pidfd; or None and what failed. The receiver closes the pidfd.
Spawned = Callable[[int, int, int | None, str], None]


class Zygotes:
    """Of all kinds, one of each at a time, or two while it is replaced."""

    def __init__(self, configuration: dict[str, Any], selector: selectors.BaseSelector, spawned: Spawned) -> None:
        first_user = configuration["first_user"]
        #: For `configure` in init/zygote.c.
        filters = [bytes.fromhex(configuration[name]) for name in ("seccomp", "seccomp_of_process_one")]
        self._first_words = to_words(-1 if first_user is None else first_user, len(filters[0])) + b"".join(filters)
        self._selector = selector
        self._spawned = spawned
        self._kinds: dict[tuple[str, ...], _Kind] = {}

    def order(self, prepare: MakeBox, init: socket.socket, joins: Sequence[int], streams: Sequence[int]) -> None:
        """`spawned` will tell; OSError when no zygote can be reached."""
        wanted = prepare.zygote or _PLAIN
        if wanted.argv not in self._kinds:
            most_boxes = _MOST_PROGRAMS if prepare.zygote else float("inf")
            self._kinds[wanted.argv] = _Kind(wanted, self._first_words, most_boxes, self._selector, self._spawned)
        self._kinds[wanted.argv].order(prepare, init, joins, streams)

    def end_late(self, box: int, reason: str) -> None:
        """Kill the zygote that was to make this box and has not answered; `spawned` tells the reason."""
        for kind in self._kinds.values():
            kind.end_late(box, reason)

    def end_all(self) -> None:
        """Kill them, before the boxes that they have made."""
        for kind in self._kinds.values():
            kind.end_all()


class _Kind:
    def __init__(
        self,
        kind: Zygote,
        first_words: bytes,
        most_boxes: float,
        selector: selectors.BaseSelector,
        spawned: Spawned,
    ) -> None:
        self._kind = kind
        self._first_words = first_words
        self._most_boxes = most_boxes
        self._selector = selector
        self._spawned = spawned
        self._zygote: _Started | None = None
        self._next: _Started | None = None
        self._ending: list[_Started] = []

    def order(self, prepare: MakeBox, init: socket.socket, joins: Sequence[int], streams: Sequence[int]) -> None:
        old = self._zygote
        if old is None or self._is_old(old):
            self._zygote, self._next = self._next or self._start(), None
            if old:
                self._retire(old)
        zygote = self._zygote
        assert zygote
        zygote.tell(prepare.words(len(joins)), [init.fileno(), *joins, *streams])
        zygote.expected[prepare.id] = None
        zygote.boxes += 1
        if zygote.boxes >= self._most_boxes - _AHEAD and not self._next:
            with contextlib.suppress(OSError):  # it is tried again with the next order
                self._next = self._start()

    def end_late(self, box: int, reason: str) -> None:
        for zygote in filter(None, (self._zygote, *self._ending)):
            if box in zygote.expected:
                self._lost(zygote, reason)

    def end_all(self) -> None:
        for zygote in filter(None, (self._zygote, self._next, *self._ending)):
            self._lost(zygote, "the keeper ends")

    def _start(self) -> "_Started":
        _, most = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (RUN_STACK_BYTES, most))
        output = _pipe_to_itself()
        ours, theirs = channel.pair()
        ours.settimeout(_LONGEST_SEND_S)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), _CONTROL),
        ]
        try:
            pid = os.posix_spawn(
                self._kind.argv[0],
                self._kind.argv,
                self._kind.environment,
                file_actions=actions,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # which a Python ignores
            )
            process = os.pidfd_open(pid)
        except OSError:
            ours.close()
            raise
        finally:
            os.close(output)
            theirs.close()
        started = _Started(ours, process)
        started.tell(self._first_words)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(started))
        return started

    def _is_old(self, zygote: "_Started") -> bool:
        if zygote.boxes >= self._most_boxes:
            return True
        return self._most_boxes < float("inf") and time.monotonic() - zygote.since > _LONGEST_S

    def _hear(self, zygote: "_Started") -> bool:
        if zygote.is_closed:  # since the selector said that there is something to hear
            return True
        try:
            answer, descriptors = channel.receive_packet(zygote.socket)
        except ConnectionError:
            answer, descriptors = b"", []
        id_, _, rest = answer.partition(b"\0")
        if not id_.isdigit():  # it has ended, or tells why it is about to
            self._lost(zygote, answer.decode(errors="replace") or "the zygote ended")
            return True
        del zygote.expected[int(id_)]
        pid, reason, _ = rest.split(b"\0")
        process = descriptors[0] if descriptors else None
        self._spawned(int(id_), int(pid), process, f"the box could not be made: {reason.decode()}")
        if zygote is not self._zygote:
            self._retire(zygote)  # the next one has been ordered nothing
        return True

    def _retire(self, zygote: "_Started") -> None:
        """It ends when its socket is closed; its boxes live on. Answers that are still to come are waited for."""
        if not zygote.expected:
            self._selector.unregister(zygote.socket)
            zygote.close()
            self._ending = [other for other in self._ending if other is not zygote]
        elif zygote not in self._ending:
            self._ending.append(zygote)

    def _lost(self, zygote: "_Started", reason: str) -> None:
        """It has ended, or is ended now, without a wait: the kernel may take its time."""
        zygote.kill()
        if zygote is self._zygote:
            self._zygote = None
        elif zygote is self._next:
            self._next = None
        for id_ in [*zygote.expected]:
            self._spawned(id_, 0, None, reason)
        zygote.expected.clear()
        self._retire(zygote)


def _pipe_to_itself() -> int:
    """A pipe's only end: what a runtime writes when it warms up stays in it."""
    ends = os.pipe()
    try:
        return os.open(f"/proc/self/fd/{ends[1]}", os.O_RDWR)
    finally:
        channel.close(ends)


class _Started:
    """`process` is its pidfd; `expected` are the boxes that it has been ordered and has not answered for."""

    def __init__(self, ours: socket.socket, process: int) -> None:
        self.socket = ours
        self.boxes = 0
        self.expected: dict[int, None] = {}
        self.since = time.monotonic()
        self._process = process

    @property
    def is_closed(self) -> bool:
        return self.socket.fileno() < 0

    def tell(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        """OSError when it takes nothing. One that has ended is heard in a moment, with its last words."""
        with contextlib.suppress(ConnectionError):
            channel.send(self.socket, packet, descriptors)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def close(self) -> None:
        self.socket.close()
        os.close(self._process)
