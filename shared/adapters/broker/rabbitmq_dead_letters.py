"""Dead letters in RabbitMQ: taken from the dead queue one after the other, and held until the channel closes.

A queue has no index, so to find a letter all letters before it must be taken. Letters that are not settled return to
the queue when the channel closes, so the dead queue has no delivery limit.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import BasicProperties

from shared.adapters.broker.base import DEAD_QUEUE, QUEUE
from shared.adapters.broker.dead_letters import DeadLetter, Depth
from shared.adapters.broker.rabbitmq_connection import DeadlineConnection, message_id_of
from shared.adapters.broker.rabbitmq_topology import QueueType, connection_parameters, explaining_conflict, queues
from shared.common.service.errors import BrokerUnavailable

T = TypeVar("T")


class RabbitMQDeadLetters:
    """The dead letters of RabbitMQ. Each call makes its own connection, because operators run few commands."""

    def __init__(self, url: str, *, queue_type: QueueType = "quorum") -> None:
        self._queues = queues(queue_type)
        self._parameters = connection_parameters(url, "operator")

    async def depths(self) -> dict[str, Depth]:
        """Return the depths, without the messages that consumers hold: only RabbitMQ's management counts those."""
        return await self._with_channel(
            lambda channel: {queue: Depth(_count(channel, queue)) for queue in (QUEUE, DEAD_QUEUE)}
        )

    async def read(self, *, limit: int) -> list[DeadLetter]:
        return await self._with_channel(lambda channel: [letter for letter, *_ in _letters(channel, limit=limit)])

    async def replay(self, keys: Collection[str]) -> list[DeadLetter]:
        def put_back(channel: BlockingChannel, letter: DeadLetter, properties: BasicProperties) -> None:
            # As a new message: without the count of its deliveries and the reason of its death.
            again = BasicProperties(
                content_type=properties.content_type,
                delivery_mode=pika.DeliveryMode.Persistent.value,
                message_id=letter.message_id,
            )
            # Returns once the queue has taken it; only then the letter goes. A crash in between makes a copy.
            channel.basic_publish("", QUEUE, letter.body, again, mandatory=True)

        return await self._with_channel(lambda channel: _settle(channel, keys, put_back))

    async def drop(self, keys: Collection[str]) -> list[DeadLetter]:
        return await self._with_channel(lambda channel: _settle(channel, keys, lambda *_: None))

    async def _with_channel(self, use: Callable[[BlockingChannel], T]) -> T:
        def work() -> T:
            connection = DeadlineConnection(self._parameters)
            try:
                channel = connection.channel()
                for queue in self._queues:
                    with explaining_conflict(queue.name):
                        channel.queue_declare(queue.name, durable=queue.durable, arguments=queue.arguments)
                channel.confirm_delivery()
                return use(channel)
            finally:
                # What is done counts, whether or not RabbitMQ answers the close.
                with suppress(AMQPError, OSError):
                    connection.close()

        try:
            return await asyncio.to_thread(work)
        except (AMQPError, OSError) as exc:
            raise BrokerUnavailable(f"RabbitMQ cannot be reached or closed the connection: {exc!r}.") from exc


def _settle(
    channel: BlockingChannel, keys: Collection[str], act: Callable[[BlockingChannel, DeadLetter, BasicProperties], None]
) -> list[DeadLetter]:
    settled = []
    for letter, tag, properties in _letters(channel):
        if letter.key in keys:
            act(channel, letter, properties)
            channel.basic_ack(tag)
            settled.append(letter)
    return settled


def _letters(
    channel: BlockingChannel, *, limit: int | None = None
) -> Iterator[tuple[DeadLetter, int, BasicProperties]]:
    """Yield the letters that are in the queue now, each with its delivery tag."""
    count = _count(channel, DEAD_QUEUE)
    for _ in range(count if limit is None else min(count, limit)):
        method, properties, body = channel.basic_get(DEAD_QUEUE)
        if method is None or properties is None or body is None or method.delivery_tag is None:
            return  # another command was faster
        yield _letter(properties, body), method.delivery_tag, properties


def _letter(properties: BasicProperties, body: bytes) -> DeadLetter:
    headers = properties.headers if isinstance(properties.headers, dict) else {}
    deaths = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    # Our consumer's reason, else RabbitMQ's (`delivery_limit`).
    reason = headers.get("reason") or death.get("reason")
    died_at = _time(properties.timestamp) if properties.timestamp else death.get("time")
    if isinstance(died_at, datetime) and died_at.tzinfo is None:
        died_at = died_at.replace(tzinfo=UTC)  # pika's times are naive, and in UTC
    message_id = message_id_of(properties)
    key = hashlib.sha256((message_id or "").encode() + b"\0" + body).hexdigest()[:12]
    return DeadLetter(
        key,
        body,
        message_id,
        died_at if isinstance(died_at, datetime) else None,
        reason if isinstance(reason, str) else None,
    )


def _time(seconds: int) -> datetime | None:
    """Return a time since the epoch; None if there is no such time, as for a publisher's milliseconds."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _count(channel: BlockingChannel, queue: str) -> int:
    count: int = channel.queue_declare(queue, passive=True).method.message_count
    return count
