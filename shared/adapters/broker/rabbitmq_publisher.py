"""Publishes to RabbitMQ with confirms.

On a confirming channel it answers each message by its number, counted from 1: `basic.ack` if it has taken the message,
`basic.nack` if it could not. With `multiple`, the answer is for all numbers up to this one. A message that no queue
takes comes back as `basic.return` *before* its ack, so an ack alone proves nothing.
(https://www.rabbitmq.com/docs/confirms)
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ConnectionWrongStateError
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from shared.adapters.broker.base import QUEUE, Message
from shared.adapters.broker.rabbitmq_connection import CLOSE_SECONDS, cut
from shared.adapters.broker.rabbitmq_topology import DeclaredQueue, explaining_conflict, reason
from shared.common.service.errors import BrokerUnavailable, ConfigurationError

T = TypeVar("T")
Confirmation = bool | None  #: True: taken; False: refused; None: unknown, because the connection was lost


class Publisher:
    """Connects on first use, and again after a loss. It belongs to the event loop that uses it first.

    `parameters` has the connection parameters of each host of the cluster. After a loss or a failure, the next host is
    tried first. Each host has `timeout` seconds.
    """

    def __init__(
        self, parameters: Sequence[pika.URLParameters], queues: Sequence[DeclaredQueue], *, timeout: float
    ) -> None:
        self._parameters = list(parameters)
        self._queues = queues
        self._timeout = timeout
        self._connecting = asyncio.Lock()
        self._link: _Link | None = None

    async def publish(self, messages: Sequence[Message]) -> list[bool]:
        if not messages:
            return []
        link = await self._connected()
        try:
            outcomes = link.send(messages)
        except AMQPError as exc:
            link.abandon()
            raise _unavailable(exc) from exc
        _, pending = await asyncio.wait(outcomes, timeout=self._timeout)
        if pending:
            # Their outcome is unknown, and a later confirm must not reach them.
            link.abandon()
            raise BrokerUnavailable(f"RabbitMQ did not confirm {len(pending)} messages in {self._timeout:g} s.")
        results = [outcome.result() for outcome in outcomes]
        if None in results:
            raise _unavailable(link.cause)
        return [bool(result) for result in results]

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    async def _connected(self) -> "_Link":
        async with self._connecting:
            if self._link is not None and self._link.is_usable:
                return self._link
            if self._link is not None:
                self._link.abandon()
                self._link = None
                self._to_next_host()
            failure: Exception | None = None
            for _ in range(len(self._parameters)):
                try:
                    self._link = await self._open(self._parameters[0])
                except Exception as exc:
                    # pika has several errors for a lost connection. A conflict must reach the operator.
                    if isinstance(exc, ConfigurationError):
                        raise
                    failure = exc
                    self._to_next_host()
                else:
                    return self._link
            raise _unavailable(failure) from failure

    def _to_next_host(self) -> None:
        self._parameters.append(self._parameters.pop(0))

    async def _open(self, parameters: pika.URLParameters) -> "_Link":
        link = _Link(parameters, self._queues)
        try:
            async with asyncio.timeout(self._timeout):
                await link.open()
        except BaseException:
            link.abandon()
            raise
        return link


class _Link:
    """One connection and its confirming channel. After its first error it is replaced."""

    def __init__(self, parameters: pika.URLParameters, queues: Sequence[DeclaredQueue]) -> None:
        self._queues = queues
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[BaseException] = self._loop.create_future()
        self._opened: asyncio.Future[AsyncioConnection] = self._loop.create_future()
        self._confirms = Confirms()
        self._stale = False
        self._channel: Channel | None = None
        self._connection = AsyncioConnection(
            parameters,
            on_open_callback=lambda connection: resolve(self._opened, connection),
            on_open_error_callback=lambda _, error: self._lose(error),
            on_close_callback=lambda _, error: self._lose(error),
            custom_ioloop=self._loop,
        )

    @property
    def is_usable(self) -> bool:
        """False after an error, and after a returned message: its queue is missing and must be declared again."""
        return self._channel is not None and self._channel.is_open and not self._lost.done() and not self._stale

    @property
    def cause(self) -> BaseException | None:
        return self._lost.result() if self._lost.done() else None

    async def open(self) -> None:
        await self._or_lost(self._opened)
        channel = await self._answer(lambda then: self._connection.channel(on_open_callback=then))
        channel.add_on_close_callback(lambda _, error: self._lose(error))
        channel.add_on_return_callback(self._on_return)
        for queue in self._queues:
            declare = partial(channel.queue_declare, queue.name, durable=queue.durable, arguments=queue.arguments)
            with explaining_conflict(queue.name):
                await self._answer(lambda then, declare=declare: declare(callback=then))  # type: ignore[misc]
        await self._answer(lambda then: channel.confirm_delivery(self._confirms.on_confirm, callback=then))
        self._channel = channel

    def send(self, messages: Sequence[Message]) -> "list[asyncio.Future[Confirmation]]":
        """Write the messages to the socket's buffer. Return a future for each confirm. Raise pika's errors."""
        if self._channel is None:
            raise ConnectionWrongStateError("not open")
        outcomes: list[asyncio.Future[Confirmation]] = []
        for message in messages:
            properties = BasicProperties(
                content_type="text/plain", delivery_mode=pika.DeliveryMode.Persistent, message_id=message.message_id
            )
            self._channel.basic_publish("", QUEUE, message.body, properties, mandatory=True)
            outcomes.append(self._confirms.expect(message.message_id))
        return outcomes

    def abandon(self) -> None:
        """Close the connection without waiting. The unconfirmed messages stay unknown."""
        self._lose(ConnectionWrongStateError("abandoned by the publisher"))

    async def close(self) -> None:
        """Close the connection properly, within a few seconds."""
        closed = self._loop.create_future()
        if self._connection.is_open:
            self._connection.add_on_close_callback(lambda *_: resolve(closed, None))
            self.abandon()
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS + 1)

    async def _answer(self, ask: Callable[[Callable[[Any], None]], object]) -> Any:
        answer: asyncio.Future[Any] = self._loop.create_future()
        ask(lambda value: resolve(answer, value))
        return await self._or_lost(answer)

    async def _or_lost(self, awaited: "asyncio.Future[T]") -> T:
        either: set[asyncio.Future[Any]] = {awaited, self._lost}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._lost.done():
            raise self._lost.result()
        return awaited.result()

    def _on_return(self, channel: Channel, method: Basic.Return, properties: BasicProperties, body: bytes) -> None:
        self._stale = True
        self._confirms.on_return(properties)

    def _lose(self, error: BaseException) -> None:
        resolve(self._lost, error)
        self._confirms.give_up()
        if self._connection.is_open:
            # A damaged node may answer heartbeats and never the close. The connection would stay open.
            self._loop.call_later(CLOSE_SECONDS, cut, self._connection, CLOSE_SECONDS)
        if not (self._connection.is_closed or self._connection.is_closing):
            self._connection.close()


@dataclass(slots=True)
class _Unconfirmed:
    message_id: str
    outcome: "asyncio.Future[Confirmation]"
    returned: bool = False


class Confirms:
    """The confirms of one channel, on its event loop. Its futures never raise, so they need not be awaited."""

    def __init__(self) -> None:
        self._unconfirmed: dict[int, _Unconfirmed] = {}
        self._last_number = 0

    def expect(self, message_id: str) -> "asyncio.Future[Confirmation]":
        """Return the future of one message's confirm. Call it once per message, in the order of publishing."""
        self._last_number += 1
        outcome: asyncio.Future[Confirmation] = asyncio.get_running_loop().create_future()
        self._unconfirmed[self._last_number] = _Unconfirmed(message_id, outcome)
        return outcome

    def on_confirm(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        number = frame.method.delivery_tag
        covered = [other for other in self._unconfirmed if other <= number] if frame.method.multiple else [number]
        for confirmed in covered:
            if unconfirmed := self._unconfirmed.pop(confirmed, None):
                resolve(unconfirmed.outcome, isinstance(frame.method, Basic.Ack) and not unconfirmed.returned)

    def on_return(self, properties: BasicProperties) -> None:
        """Mark the first message with this `message_id`: messages come back in the order of publishing."""
        for unconfirmed in self._unconfirmed.values():
            if unconfirmed.message_id == properties.message_id and not unconfirmed.returned:
                unconfirmed.returned = True
                return

    def give_up(self) -> None:
        """Set all unconfirmed messages to unknown, after the connection was lost."""
        for unconfirmed in self._unconfirmed.values():
            resolve(unconfirmed.outcome, None)
        self._unconfirmed.clear()


def resolve(future: "asyncio.Future[T]", value: T) -> None:
    """Set the result, unless the future has one or was cancelled."""
    if not future.done():
        future.set_result(value)


def _unavailable(error: BaseException | None) -> BrokerUnavailable:
    return BrokerUnavailable(f"RabbitMQ cannot be reached or closed the connection: {reason(error)}.")
