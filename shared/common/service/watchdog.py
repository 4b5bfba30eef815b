"""Reports regularly that this process is alive (WatchdogSec= of systemd.service(5)).

The event loop sends the report. If the loop is stuck no report is sent, and systemd or `precieux up` restarts the
process. Threads that the process needs are watched too: each has a `Heartbeat`.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Final, Self

from shared.common.service.background import in_background
from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_alive

log = get_logger(__name__)

#: Reports in the time in which the other side expects one, so that two may be late or lost.
_REPORTS: Final = 3


class Heartbeat:
    """Watches a thread: inside the block the thread must call `beat` at least every `max_seconds` seconds."""

    def __init__(self, name: str, *, max_seconds: float) -> None:
        self._name = name
        self._max_seconds = max_seconds
        self._last = 0.0

    def __enter__(self) -> Self:
        self.beat()
        _watched.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watched.discard(self)

    def beat(self) -> None:
        self._last = time.monotonic()

    def is_stuck(self) -> bool:
        """Return True if the thread is stuck, and log it."""
        silent_s = time.monotonic() - self._last
        if silent_s > self._max_seconds:
            log.error("watchdog.thread_is_stuck", thread=self._name, silent_s=round(silent_s))
        return silent_s > self._max_seconds


_watched: Final[set[Heartbeat]] = set()


def interval() -> float | None:
    """Return the seconds between two reports; None if no process waits for any (sd_watchdog_enabled(3))."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or watched != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / _REPORTS or None


@contextlib.asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Report inside the block that this process is alive, while its loop runs and no watched thread is stuck."""
    seconds = interval()
    if seconds is None:
        yield
        return
    async with in_background(_repeat(seconds)):
        yield


async def _repeat(seconds: float) -> None:
    while True:
        if not any(heartbeat.is_stuck() for heartbeat in tuple(_watched)):
            notify_alive()
        await asyncio.sleep(seconds)
