"""The operator's side of the broker: how much waits, and what to do about the messages that were given up.

A port beside `shared.broker.base`, because no service needs it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`key` names the letter as long as it lies there; copies of one message may share it. `died_at` is in UTC."""

    key: str
    body: bytes
    message_id: str | None
    reason: str | None
    died_at: datetime | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue holds that no consumer has under way; `oldest_at` where the broker knows it."""

    messages: int
    oldest_at: datetime | None = None


class DeadLetters(Protocol):
    """Every method raises `BrokerUnavailable` when the broker cannot be reached."""

    async def depths(self) -> dict[str, Depth]:
        """Of `QUEUE` and `DEAD_QUEUE`, by name."""

    async def read(self, *, limit: int) -> list[DeadLetter]:
        """Those that have lain there longest; they stay."""

    async def replay(self, keys: Collection[str]) -> list[DeadLetter]:
        """Put them on `QUEUE` again, as if new, under their own message ids; returns those that were found."""

    async def drop(self, keys: Collection[str]) -> list[DeadLetter]:
        """Forget them for good; returns those that were found."""
