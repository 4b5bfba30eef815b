"""The broker port: it takes ids, and delivers them in batches. Each delivery is settled once.

Without a broker, the outbox itself is the `Source` (`queue_consumer.outbox_consumer`).

Delivery is at least once, so a handler must accept a message that it has handled before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

#: The original system's name for the queue of submission ids. It has nothing to do with the table `emails`.
QUEUE: Final = "emails"
DEAD_QUEUE: Final = "emails.dead"
#: The most seconds between two tries while the broker, or what a handler needs, is unavailable. An outage that has
#: ended must not last much longer for the consumers.
MAX_BREAK: Final = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish: the decimal id of a submission, and the UUID of its request as `message_id`."""

    body: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as received. `attempt` counts from 1. A foreign message may have no `message_id`."""

    body: bytes
    message_id: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Remove the message: it is done."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver it again later, with `attempt` one higher. After too many attempts, move it to `DEAD_QUEUE`."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Move it to `DEAD_QUEUE`, with `reason` as a header."""

    reason: str


Settlement = Ack | Retry | Reject

#: Returns one settlement per delivery, in order. If it raises a `TransientError`, the batch comes again later, not
#: charged. If it raises another exception, each delivery comes again alone (`shared.adapters.broker.handling`).
Handler = Callable[[Sequence[Delivery]], Awaitable[Sequence[Settlement]]]


class Source(Protocol):
    async def consume(self, handle: Handler, stop: asyncio.Event) -> None:
        """Pass batches of deliveries to `handle` until `stop` is set. Reconnect with backoff, without a limit.

        The batch that is under way when `stop` is set is settled first.
        """


class Broker(Source, Protocol):
    async def publish(self, messages: Sequence[Message]) -> Sequence[bool]:
        """Put messages on `QUEUE`. Return True for each that the broker has taken, False for each that it refused.

        Raise `BrokerUnavailable` if that is unknown: any of them may have arrived.
        """

    async def close(self) -> None:
        """Close all connections. It may be called twice, and before the first connection."""
