"""How busy the machine was while a program ran: evidence for whoever doubts a time limit.

Linux counts the time in which some task waited for a processor (PSI; Documentation/accounting/psi.rst). A kernel
without it, or a container that hides it, leaves us without evidence, which is no harm.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SOURCE: Final = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Reading:
    """Microseconds of waiting since boot, and seconds of a clock that only goes forward."""

    waited_us: int
    at_s: float


def read(source: Path = _SOURCE, clock: Callable[[], float] = time.monotonic) -> Reading | None:
    """None where the kernel does not tell."""
    try:
        descriptor = os.open(source, os.O_RDONLY)
        try:
            some = os.read(descriptor, 4096).split(b"\n", 1)[0]
        finally:
            os.close(descriptor)
        return Reading(int(some.rpartition(b"total=")[2]), clock())
    except (OSError, ValueError):
        return None


class Since:
    """From the event loop's next turn on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._before: Reading | None = None
        loop.call_soon(self._begin)

    def share(self) -> float | None:
        """As of `share_between`, until now."""
        return share_between(self._before, read())

    def _begin(self) -> None:
        self._before = read()


def share_between(before: Reading | None, after: Reading | None) -> float | None:
    """The share, 0 to 1, of the elapsed time in which something waited."""
    if before is None or after is None or after.at_s <= before.at_s:
        return None
    share = (after.waited_us - before.waited_us) / 1e6 / (after.at_s - before.at_s)
    return round(min(max(share, 0.0), 1.0), 3)
