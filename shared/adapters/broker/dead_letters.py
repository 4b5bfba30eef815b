"""The broker's port for operators: how many messages wait, and what to do with dead letters.

It is separate from `shared.adapters.broker.base`, because no service needs it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter. `key` names it while it is in the queue; copies may share one. `died_at` is in UTC."""

    key: str
    body: bytes
    message_id: str | None
    died_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of a queue wait for a consumer, and since when the oldest does, if the broker knows that."""

    messages: int
    oldest_at: datetime | None = None


class DeadLetters(Protocol):
    """The dead letters of a broker. Every method raises `BrokerUnavailable` if the broker cannot be reached."""

    async def depths(self) -> dict[str, Depth]:
        """Return the depths of `QUEUE` and `DEAD_QUEUE`, by name."""

    async def read(self, *, limit: int) -> list[DeadLetter]:
        """Return the oldest dead letters. They stay in the queue."""

    async def replay(self, keys: Collection[str]) -> list[DeadLetter]:
        """Put dead letters on `QUEUE` again as new messages with the same ids. Return those that were found."""

    async def drop(self, keys: Collection[str]) -> list[DeadLetter]:
        """Remove dead letters permanently. Return those that were found."""
