"""Says which of two engines is less busy, by what each answer of our engine says of it."""

import re
import time
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientResponse
from cachetools import TTLCache

from shared.engine_api.codex import LOAD_HEADER

_COUNT: Final = re.compile(r"\b(slots|free|waiting|stopping)=([0-9]{1,6})\b")
#: Seconds for which an engine's word on its load is taken. Runs of others that have ended since are not known.
_FRESH_S: Final = 5.0
#: For how many programs and seconds it is kept that an engine has run them, because it may have them compiled.
_KEPT_PROGRAMS: Final = 1000
_KEPT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """An engine's slots and the runs that wait."""

    slots: int
    free: int
    waiting: int
    stopping: int = 0


def load_in(response: ClientResponse) -> EngineLoad | None:
    """Return how busy the engine is; None if it does not say so."""
    counts = {name: int(count) for name, count in _COUNT.findall(response.headers.get(LOAD_HEADER, ""))}
    return EngineLoad(**counts) if counts.get("slots") and counts.keys() >= {"free", "waiting"} else None


class Busyness:
    """How busy an engine is: what it said last, and how many of our runs have begun and ended there since."""

    def __init__(self) -> None:
        self.ours = 0
        self.load: EngineLoad | None = None
        self._ours_then = 0
        self._seen_at = 0.0
        self._programs: TTLCache[bytes, bool] = TTLCache(_KEPT_PROGRAMS, ttl=_KEPT_S)

    def see(self, load: EngineLoad | None) -> None:
        """Take what an answer says of its engine, which counts the run that it answers."""
        self.load, self._ours_then, self._seen_at = load, self.ours, time.monotonic()

    def add(self, program: bytes) -> None:
        """Count a run of ours, of a program with this digest."""
        self.ours += 1
        self._programs[program] = True

    def order(self, program: bytes) -> tuple[float, bool]:
        """Return what is lower, the better the engine is for a program: its load, and whether the program is new."""
        busy = self.ours
        if self.load and time.monotonic() - self._seen_at < _FRESH_S:
            busy += self.load.waiting + self.load.slots - self.load.free - self._ours_then
        return max(0, busy) / (self.load.slots if self.load else 1), program not in self._programs
