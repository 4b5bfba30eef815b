"""Tells apart what hangs and what is slow. On a loaded machine a quick step of a process may take minutes."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

#: Looks in a row at which nothing has moved; and looks in all. Looks are counted, and not seconds, because a container
#: that is paused stops us as well as what we look at.
_MOST_IDLE, _MOST_LOOKS = 4, 200
#: States of a process that waits for a processor, or in the kernel for a disk or a lock.
_SLOW = (b"R", b"D")


class Watch:
    """Look again and again whether something `moves`, and call `give_up` if it has not moved for `patience_s`.

    Something that moves, but does not do what it is to do, is given up after fifty times as long.
    """

    def __init__(self, patience_s: float, moves: Callable[[], bool], give_up: Callable[[], None]) -> None:
        self._every_s = patience_s / _MOST_IDLE
        self._moves = moves
        self._give_up = give_up
        self._idle = self._looks = 0
        self._next = asyncio.get_running_loop().call_soon(self._look)

    def begin_again(self) -> None:
        """It has done what it was to do."""
        self._idle = self._looks = 0

    def stop(self) -> None:
        self._next.cancel()

    def _look(self) -> None:
        self._idle = 0 if self._moves() else self._idle + 1
        self._looks += 1
        if self._idle >= _MOST_IDLE or self._looks >= _MOST_LOOKS:
            self._give_up()
        else:
            self._next = asyncio.get_running_loop().call_later(self._every_s, self._look)


class Vitals:
    """Compares what processes did between two calls (proc_pid_stat(5)). `pids` returns their ids."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._seen: list[bytes] = []

    def have_moved(self) -> bool:
        """Return False if none has had a processor since the last call, and none is about to have one."""
        before, self._seen = self._seen, [_state(pid) for pid in self._pids()]
        return self._seen != before or any(state.rpartition(b") ")[2][:1] in _SLOW for state in self._seen if state)


def descendants(pid: int) -> Iterator[int]:
    """Yield all descendants of a process; none if the kernel does not list children (proc_tid_children(5))."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()):
                yield child
                yield from descendants(child)


def _state(pid: int) -> bytes:
    state = b""
    for name in ("stat", "schedstat"):
        with contextlib.suppress(OSError):
            state += Path(f"/proc/{pid}/{name}").read_bytes()
    return state
