"""The keeper's side of the zygotes: starts them, orders boxes from them, and replaces each after a number of boxes."""

import contextlib
import errno
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import RUN_STACK_BYTES, MakeBox, Zygote
from executor.sandbox.keeper.words import box_words, to_words

#: Programs forked from one runtime share its hash seed and memory layout, so it is replaced after this many boxes, or
#: this many seconds.
_MAX_BOXES, _MAX_AGE_S = 100, 600.0
#: Seconds after which a zygote that takes no order has failed. Its socket holds some dozens of orders.
_SEND_TIMEOUT_S = 5.0
#: The zygote of boxes whose program starts from cold. It holds no runtime's state, so it never needs replacing.
_PLAIN = Zygote(("/box/zygote",), {})
#: The descriptor at which a zygote finds the keeper's socket (`CONTROL` in init/process.h).
_CONTROL = 3

#: Receives the box's id, the id of process 1, its pidfd or None, and why the box failed. The receiver closes the pidfd.
Spawned = Callable[[int, int, int | None, str], None]


class Zygotes:
    """Starts one zygote for each runtime, and replaces it after 100 boxes or ten minutes."""

    def __init__(self, configuration: dict[str, Any], selector: selectors.BaseSelector, spawned: Spawned) -> None:
        first_user = configuration["first_user"]
        # For `configure` in init/zygote.c.
        filters = [bytes.fromhex(configuration[name]) for name in ("seccomp", "seccomp_of_process_one")]
        self._first_words = to_words(-1 if first_user is None else first_user, len(filters[0])) + b"".join(filters)
        self._selector = selector
        self._spawned = spawned
        #: The zygotes that get orders, by their commands, and those that only owe answers.
        self._current: dict[tuple[str, ...], _ZygoteProcess] = {}
        self._ending: list[_ZygoteProcess] = []

    def order(self, order: MakeBox, init: socket.socket, joins: Sequence[int]) -> None:
        """Order a box from its zygote, which answers by `spawned`. Raises OSError if no zygote can be reached."""
        self.retire_old()
        runtime = order.template.zygote or _PLAIN
        zygote = self._current.get(runtime.argv)
        if zygote is None:
            zygote = self._current[runtime.argv] = self._start(runtime)
        zygote.send(box_words(order), [init.fileno(), *joins])
        zygote.pending[order.id] = None
        zygote.boxes += 1

    @property
    def next_expiry(self) -> float:
        """The time at which the next zygote is too old; infinity if none will be."""
        runtimes = (zygote for argv, zygote in self._current.items() if argv != _PLAIN.argv)
        return min((zygote.since + _MAX_AGE_S for zygote in runtimes), default=float("inf"))

    def retire_old(self) -> None:
        """End old zygotes. An order for a runtime without a zygote starts it."""
        for argv, zygote in [*self._current.items()]:
            is_old = zygote.boxes >= _MAX_BOXES or time.monotonic() - zygote.since > _MAX_AGE_S
            if is_old and argv != _PLAIN.argv:
                self._retire(zygote)

    def kill_late(self, box: int, reason: str) -> None:
        """Kill the zygote that has not made this box in time. `spawned` gets the reason."""
        for zygote in [*self._current.values(), *self._ending]:
            if box in zygote.pending:
                self._kill(zygote, reason)

    def kill_all(self) -> None:
        """Kill all zygotes. Call it before their boxes are killed."""
        for zygote in [*self._current.values(), *self._ending]:
            self._kill(zygote, "the keeper ends")

    def _start(self, runtime: Zygote) -> "_ZygoteProcess":
        _, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (RUN_STACK_BYTES, hard))
        ours, theirs = channel.pair()
        output = _unread_pipe()
        ours.settimeout(_SEND_TIMEOUT_S)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), _CONTROL),
        ]
        try:
            pid = os.posix_spawn(
                runtime.argv[0],
                runtime.argv,
                runtime.environment,
                file_actions=actions,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores these
            )
            process = os.pidfd_open(pid)
        except OSError:
            ours.close()
            raise
        finally:
            os.close(output)
            theirs.close()
        zygote = _ZygoteProcess(ours, process)
        zygote.send(self._first_words)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._read_answer(zygote))
        return zygote

    def _read_answer(self, zygote: "_ZygoteProcess") -> bool:
        if zygote.is_closed:  # since `select` returned
            return True
        try:
            answer, descriptors = channel.receive(zygote.socket)
        except ConnectionError:
            answer, descriptors = b"", []
        id_, _, rest = answer.partition(b"\0")
        if not id_.isdigit():  # it has ended, or reports why it ends
            self._kill(zygote, answer.decode(errors="replace") or "the zygote ended")
            return True
        del zygote.pending[int(id_)]
        pid, reason, _ = rest.split(b"\0")
        process = descriptors[0] if descriptors else None
        # If there is no reason, process 1 was made, and we have no room for its pidfd.
        why = reason.decode() or os.strerror(errno.EMFILE)
        self._spawned(int(id_), int(pid), process, f"the box could not be made: {why}")
        if zygote in self._ending:
            self._retire(zygote)
        return True

    def _retire(self, zygote: "_ZygoteProcess") -> None:
        """Give the zygote no more orders. Close its socket, by which it ends, as soon as it owes no answer. Its boxes
        live on."""
        self._current = {argv: other for argv, other in self._current.items() if other is not zygote}
        self._ending = [other for other in self._ending if other is not zygote]
        if zygote.pending:
            self._ending.append(zygote)
        else:
            self._selector.unregister(zygote.socket)
            zygote.close()

    def _kill(self, zygote: "_ZygoteProcess", reason: str) -> None:
        """Kill a zygote, which may have ended already, and fail its boxes. Does not wait for the kernel."""
        zygote.kill()
        for id_ in [*zygote.pending]:
            self._spawned(id_, 0, None, reason)
        zygote.pending.clear()
        self._retire(zygote)


def _unread_pipe() -> int:
    """Return the only end of a pipe. What a runtime writes to it during its start stays there."""
    ends = os.pipe()
    try:
        return os.open(f"/proc/self/fd/{ends[1]}", os.O_RDWR)
    finally:
        channel.close(ends)


class _ZygoteProcess:
    """A zygote that runs. `process` is its pidfd, and `pending` are the ordered boxes without an answer yet."""

    def __init__(self, ours: socket.socket, process: int) -> None:
        self.socket = ours
        self.boxes = 0
        self.pending: dict[int, None] = {}
        self.since = time.monotonic()
        self._process = process

    @property
    def is_closed(self) -> bool:
        return self.socket.fileno() < 0

    def send(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a packet. Raises OSError if the zygote does not read. If it has ended, `_read_answer` finds out why."""
        with contextlib.suppress(ConnectionError):
            channel.send(self.socket, packet, descriptors)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def close(self) -> None:
        self.socket.close()
        os.close(self._process)
