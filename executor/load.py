"""Measures how busy the machine was while a program ran, so that a time limit can be checked for fairness.

Linux counts the time in which some task waited for a processor (PSI; Documentation/accounting/psi.rst). Without it, as
in some containers, the load is unknown, and nothing else changes.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SOURCE: Final = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Reading:
    """Microseconds of waiting since boot, and the time of a monotonic clock in seconds."""

    waited_us: int
    at_s: float


def read(source: Path = _SOURCE) -> Reading | None:
    """Return the counter now, or None if the kernel has none."""
    try:
        with source.open("rb", buffering=0) as file:
            some = file.read(4096).split(b"\n", 1)[0]
        return Reading(int(some.rpartition(b"total=")[2]), time.monotonic())
    except (OSError, ValueError):
        return None


class Since:
    """Measures the load, beginning at the event loop's next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._before: Reading | None = None
        loop.call_soon(self._begin)

    def share(self) -> float | None:
        """Return the share of the time until now in which something waited for a processor, 0 to 1. None if it is
        unknown."""
        before, after = self._before, read()
        if before is None or after is None or after.at_s <= before.at_s:
            return None
        share = (after.waited_us - before.waited_us) / 1e6 / (after.at_s - before.at_s)
        return round(min(max(share, 0.0), 1.0), 3)

    def _begin(self) -> None:
        self._before = read()
