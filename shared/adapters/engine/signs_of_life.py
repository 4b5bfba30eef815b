"""Reads what each answer of our engine says of it. Such an engine also promises signs of life."""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientResponse

from shared.engine_api.codex import LOAD_HEADER

#: Seconds without a byte after which the engine is away.
SILENT_S: Final = 30.0
_COUNT: Final = re.compile(r"\b(slots|free|waiting|places|background|stopping)=([0-9]{1,6})\b")


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """An engine's slots and the runs that wait. Of `places` for runs that gave their slots away, some are taken."""

    slots: int
    free: int
    waiting: int
    places: int = 0
    background: int = 0
    stopping: int = 0


def load_in(response: ClientResponse) -> EngineLoad | None:
    """Return how busy the engine is; None if it does not say so."""
    counts = {name: int(count) for name, count in _COUNT.findall(response.headers.get(LOAD_HEADER, ""))}
    return EngineLoad(**counts) if counts.get("slots") and counts.keys() >= {"free", "waiting"} else None
