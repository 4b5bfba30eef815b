"""The broker port: ids go in, batches of deliveries come out, each is settled once.

Delivery is at least once; whoever handles a message must bear seeing it again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

QUEUE: Final = "emails"
DEAD_QUEUE: Final = "emails.dead"


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: the decimal id of a submission, under the UUID of the request for its execution."""

    body: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is received. `attempt` counts from 1; strangers may publish without a `message_id`."""

    body: bytes
    message_id: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: forget the message."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver it again after a while, with `attempt` one higher; after too many, it goes to `DEAD_QUEUE`."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Move it to `DEAD_QUEUE`, with the reason in the header `reason`."""

    reason: str


Settlement = Ack | Retry | Reject

#: Settles a batch: one settlement per delivery, in order. A raise settles nothing: a `TransientError` brings the same
#: batch again after a while, uncharged; any other exception brings each delivery again alone (see `handling`).
Handler = Callable[[Sequence[Delivery]], Awaitable[Sequence[Settlement]]]


class Broker(Protocol):
    async def publish(self, messages: Sequence[Message]) -> Sequence[bool]:
        """Put messages on `QUEUE`; True where the broker has taken responsibility, False where it refused.

        Raises `BrokerUnavailable` when it cannot be told: any of them may or may not have arrived.
        """

    async def consume(self, handle: Handler, stop: asyncio.Event) -> None:
        """Hand batches from `QUEUE` to `handle` until `stop` is set; reconnects with backoff for ever.

        A batch under way when `stop` is set is finished and settled first.
        """

    async def close(self) -> None:
        """Let go of every connection; safe to call twice, and on a broker that never connected."""
