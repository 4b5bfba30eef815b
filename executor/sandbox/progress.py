"""Decides whether a process hangs or is only slow. On a loaded machine, what is usually quick may take minutes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

#: Consecutive checks without progress, and checks in all, after which a process hangs. Checks are counted instead of
#: seconds, because pausing a container stops this process together with the processes that it checks.
_MAX_IDLE_CHECKS, _MAX_CHECKS = 4, 200
#: States of a process that waits for a processor, or in the kernel for a disk or a lock.
_SLOW = (b"R", b"D")


class ProgressWatch:
    """Calls `give_up` if `has_progressed` returns False for `patience_s` seconds.

    Without a `reset` it also gives up after fifty times as long, even if there is progress.
    """

    def __init__(self, patience_s: float, has_progressed: Callable[[], bool], give_up: Callable[[], None]) -> None:
        self._interval_s = patience_s / _MAX_IDLE_CHECKS
        self._has_progressed = has_progressed
        self._give_up = give_up
        self._idle_checks = self._checks = 0
        self._next = asyncio.get_running_loop().call_soon(self._check)

    def reset(self) -> None:
        """Start over, because the expected event has happened."""
        self._idle_checks = self._checks = 0

    def stop(self) -> None:
        self._next.cancel()

    def _check(self) -> None:
        self._idle_checks = 0 if self._has_progressed() else self._idle_checks + 1
        self._checks += 1
        if self._idle_checks >= _MAX_IDLE_CHECKS or self._checks >= _MAX_CHECKS:
            self._give_up()
        else:
            self._next = asyncio.get_running_loop().call_later(self._interval_s, self._check)


class ProcessActivity:
    """Compares the kernel's figures about processes between two calls (proc_pid_stat(5)). `pids` returns their ids."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._states: list[bytes] = []

    def has_changed(self) -> bool:
        """Return True if a process has had a processor since the last call, or waits for one or in the kernel."""
        before, self._states = self._states, [_state(pid) for pid in self._pids()]
        is_slow = any(state.rpartition(b") ")[2][:1] in _SLOW for state in self._states if state)
        return is_slow or self._states != before


def _state(pid: int) -> bytes:
    state = b""
    for name in ("stat", "schedstat"):
        with contextlib.suppress(OSError):
            state += Path(f"/proc/{pid}/{name}").read_bytes()
    return state
