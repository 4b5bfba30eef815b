"""The keeper's side of the nursery: starts it, orders boxes from it, and replaces it before too many came from one."""

import os
import resource
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import RUN_STACK_BYTES, Prepare, to_words

#: Python programs of one nursery share their hash seed and memory layout; no more of them than this, nor for longer.
_MOST_SCRIPTS, _LONGEST_S = 100, 600.0

#: Box, process 1, its pidfd; or None and what failed. The receiver closes the pidfd.
Hatched = Callable[[int, int, int | None, str], None]


class Nurseries:
    """Of one kind, one at a time: started by `argv`, with `first_words` to begin with, and replaced by another after
    `most_boxes`."""

    def __init__(
        self,
        argv: list[str],
        environment: dict[str, str],
        first_words: bytes,
        most_boxes: float,
        selector: selectors.BaseSelector,
        hatched: Hatched,
    ) -> None:
        self._argv = argv
        self._environment = environment
        self._first_words = first_words
        self._most_boxes = most_boxes
        self._selector = selector
        self._hatched = hatched
        self._nursery: _Nursery | None = None

    def start(self) -> None:
        ours, theirs = channel.pair()
        _, most = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (RUN_STACK_BYTES, most))
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
        os.posix_spawn(self._argv[0], self._argv, self._environment, file_actions=actions)
        theirs.close()
        channel.send(ours, self._first_words)
        nursery = _Nursery(ours)
        self._nursery = nursery
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(nursery))

    def order(self, prepare: Prepare, init: socket.socket, joins: Sequence[int], streams: Sequence[int]) -> None:
        """`hatched` will tell; OSError when no nursery can be reached."""
        if self._nursery is None or self._is_old(self._nursery):
            old = self._nursery
            self.start()
            if old:
                self._retire(old)
        assert self._nursery
        channel.send(self._nursery.socket, prepare.words(len(joins)), [init.fileno(), *joins, *streams])
        self._nursery.expected[prepare.id] = None
        self._nursery.boxes += 1

    def _is_old(self, nursery: "_Nursery") -> bool:
        if nursery.boxes >= self._most_boxes:
            return True
        return self._most_boxes < float("inf") and time.monotonic() - nursery.since > _LONGEST_S

    def _hear(self, nursery: "_Nursery") -> bool:
        try:
            answer, descriptors = channel.receive_packet(nursery.socket)
        except ConnectionError:
            answer, descriptors = b"", []
        id_, _, rest = answer.partition(b"\0")
        if not id_.isdigit():  # it has ended, or tells why it is about to
            self._lost(nursery, answer.decode(errors="replace") or "the nursery ended")
            return True
        del nursery.expected[int(id_)]
        pid, reason, _ = rest.split(b"\0")
        process = descriptors[0] if descriptors else None
        self._hatched(int(id_), int(pid), process, f"the box could not be made: {reason.decode()}")
        if nursery is not self._nursery:
            self._retire(nursery)
        return True

    def _retire(self, nursery: "_Nursery") -> None:
        """It ends when its socket is closed; its boxes live on. Answers that are still to come are waited for."""
        if not nursery.expected:
            self._selector.unregister(nursery.socket)
            nursery.socket.close()

    def _lost(self, nursery: "_Nursery", reason: str) -> None:
        if nursery is self._nursery:
            self._nursery = None
        for id_ in [*nursery.expected]:
            self._hatched(id_, 0, None, reason)
        nursery.expected.clear()
        self._retire(nursery)


def of_boxes(configuration: dict[str, Any], selector: selectors.BaseSelector, hatched: Hatched) -> Nurseries:
    """For everything that is started anew. Nothing of one box can be told in another, so the first may be the last."""
    return Nurseries(["/box/nursery"], {}, _first_words(configuration), float("inf"), selector, hatched)


def of_scripts(configuration: dict[str, Any], selector: selectors.BaseSelector, hatched: Hatched) -> Nurseries:
    """For Python programs, which are forked from it."""
    argv = [configuration["python"], "/box/nursery.py"]
    environment: dict[str, str] = configuration["environment"]
    return Nurseries(argv, environment, _first_words(configuration), _MOST_SCRIPTS, selector, hatched)


def _first_words(configuration: dict[str, Any]) -> bytes:
    """For `configure` in init/nursery.c."""
    first_user = configuration["first_user"]
    return to_words(-1 if first_user is None else first_user) + bytes.fromhex(configuration["seccomp"])


class _Nursery:
    def __init__(self, ours: socket.socket) -> None:
        self.socket = ours
        self.boxes = 0
        self.expected: dict[int, None] = {}
        self.since = time.monotonic()
