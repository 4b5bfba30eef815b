"""Consumes from RabbitMQ on a thread that owns the connection, so that heartbeats never wait for a handler.

Everything but `DeliveryBatch.settle` and `ConsumerThread.{start,stop,join}` runs on that thread. A delivery tag is
valid only on its channel. A session keeps its own tags and ends with them, so a late settlement has no effect.

A node whose disk was full can keep a consumer connected and deliver nothing to it, although messages wait. A client
cannot see that. So a consumer that has had no message in hand for half a minute connects again, to the next host. Such
a node may leave the close unanswered too; the connection has a deadline for that.

The queue counts a delivery for each message that a dying consumer held. A consumer that starts may have died before, so
it takes its first messages one by one. So a message that kills consumers becomes a dead letter, and no other does.
"""

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ConnectionWrongStateError
from pika.spec import Basic, BasicProperties

from shared.adapters.broker.base import DEAD_QUEUE, MAX_BREAK, QUEUE, Ack, Delivery, Reject, Retry, Settlement
from shared.adapters.broker.rabbitmq_connection import DeadlineConnection, message_id_of
from shared.adapters.broker.rabbitmq_topology import DeclaredQueue, explaining_conflict, reason
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.common.service.watchdog import Heartbeat

log = get_logger(__name__)

PREFETCH: Final = 100
#: Longer than a turn in which one answer does not come: each has a deadline, of a minute at most.
_MAX_TURN: Final = 120.0
#: Seconds without a message in hand after which a consumer connects to the next host.
SILENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class DeliveryBatch:
    """Deliveries to handle. Any thread may settle them; that has no effect after their connection was lost."""

    deliveries: Sequence[Delivery]
    settle: Callable[[Sequence[Settlement]], None]


Post = Callable[[DeliveryBatch | Exception], object]


class ConsumerThread(threading.Thread):
    """Posts one batch after the other, each when the last one was settled. An exception is the last item it posts."""

    def __init__(
        self,
        parameters: Sequence[pika.URLParameters],
        queues: Sequence[DeclaredQueue],
        *,
        post: Post,
        policy: RetryPolicy,
    ) -> None:
        super().__init__(name="rabbitmq-consumer", daemon=True)
        self._hosts = Hosts(parameters)
        self._queues = queues
        self._post = post
        self._policy = policy
        self._stopping = threading.Event()
        self._session: _Session | None = None
        self._alone = PREFETCH
        # A thread starts with an empty context, and ours holds the log's bound fields.
        self._callers_context = contextvars.copy_context()

    def run(self) -> None:
        with Heartbeat("rabbitmq-consumer", max_seconds=_MAX_TURN) as heartbeat:
            self._callers_context.run(self._consume, heartbeat)

    def stop(self) -> None:
        """Ask the thread to send the settlements that it has, and end."""
        self._stopping.set()
        if session := self._session:
            session.wake()

    def _consume(self, heartbeat: Heartbeat) -> None:
        failures = 0
        was_silent = False
        while not self._stopping.is_set():
            heartbeat.beat()
            try:
                session = _Session(self._hosts, self._queues, self._post, self._policy, self._alone)
                with contextlib.closing(session):
                    self._session = session
                    if not was_silent:
                        log.info("broker.connected", queue=QUEUE)
                    failures = 0
                    was_silent = False
                    try:
                        session.run(self._stopping, heartbeat)
                    finally:
                        self._alone = session.alone
                was_silent = True
            except ConfigurationError as exc:
                self._post(exc)
                return
            except Exception as exc:
                failures += 1
                was_silent = False
                delay = self._policy.capped(MAX_BREAK).delay(failures)
                log.warning(
                    "broker.lost",
                    error=reason(exc),
                    next_try_s=round(delay, 1),
                    exc_info=None if isinstance(exc, AMQPError | OSError) else exc,
                )
                self._stopping.wait(delay)


class Hosts:
    """The hosts of the cluster. The one in use is tried last, and those that did not answer shortly before it."""

    def __init__(self, parameters: Sequence[pika.URLParameters]) -> None:
        self._parameters = parameters
        self._in_use = -1
        self._gone: set[int] = set()

    def connect(self) -> DeadlineConnection:
        """Connect to the first host that answers. Raise pika's error of the last one if none does."""
        count = len(self._parameters)
        after_this = (self._in_use + 1) % count
        order = sorted(range(count), key=lambda n: (n == self._in_use, n in self._gone, (n - after_this) % count))
        error: Exception | None = None
        for number in order:
            try:
                connection = DeadlineConnection(self._parameters[number])
            except (AMQPError, OSError) as exc:
                self._gone.add(number)
                error = exc
            else:
                self._gone.discard(number)
                self._in_use = number
                return connection
        self._gone.clear()
        assert error is not None
        raise error


class _Session:
    """One connection, from its start to its loss. Raises pika's errors and `OSError`.

    `alone` is the number of messages that are still taken one by one.
    """

    def __init__(
        self, hosts: Hosts, queues: Sequence[DeclaredQueue], post: Post, policy: RetryPolicy, alone: int
    ) -> None:
        self.alone = alone
        self._post = post
        self._policy = policy
        self._received: deque[int] = deque()
        self._unsettled: dict[int, tuple[Delivery, BasicProperties]] = {}
        self._settlements: deque[tuple[Sequence[int], Sequence[Settlement]]] = deque()
        self._handling = False
        self._cancelled = False
        self._last_busy = 0.0
        self._connection = hosts.connect()
        try:
            for queue in queues:
                with explaining_conflict(queue.name), self._connection.channel() as channel:
                    channel.queue_declare(queue.name, durable=queue.durable, arguments=queue.arguments)
            self._dead_letters = self._connection.channel()
            self._dead_letters.confirm_delivery()
            self._channel = self._connection.channel()
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._consumer = self._consume(1 if alone else PREFETCH)
        except BaseException:
            self.close()
            raise

    def run(self, stopping: threading.Event, heartbeat: Heartbeat) -> None:
        """Receive and settle until `stopping`, or until there is silence. Raise pika's errors."""
        self._last_busy = time.monotonic()
        while True:
            heartbeat.beat()
            # Read before settling, so that settlements from before the stop are still sent.
            last = stopping.is_set()
            while self._settlements:
                self._settle(*self._settlements.popleft())
            if last:
                return
            if self._cancelled or not self._channel.is_open:
                raise ConnectionWrongStateError("RabbitMQ ended the consumer")
            if self._received and not self._handling:
                self._hand_over()
            if self._unsettled:
                self._last_busy = time.monotonic()
            elif time.monotonic() - self._last_busy > SILENCE_SECONDS:
                return
            self._connection.process_data_events(time_limit=1.0)

    def wake(self) -> None:
        """End the current wait of `run`. Any thread may call it."""
        with contextlib.suppress(ConnectionWrongStateError):
            self._connection.add_callback_threadsafe(lambda: None)

    def close(self) -> None:
        with contextlib.suppress(AMQPError, OSError):
            self._connection.close()

    def _consume(self, prefetch: int) -> str:
        """Start a consumer and return its tag. A prefetch applies only to consumers that start after it."""
        self._channel.basic_qos(prefetch_count=prefetch)
        tag: str = self._channel.basic_consume(QUEUE, self._on_delivery)
        return tag

    def _count_alone(self, settlement: Settlement) -> None:
        # A message that waits for its retry has not killed a consumer, and would hold up the others.
        self.alone = 0 if isinstance(settlement, Retry) else self.alone - 1
        if not self.alone:
            self._channel.basic_cancel(self._consumer)
            self._consumer = self._consume(PREFETCH)

    def _on_delivery(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        tag = method.delivery_tag
        assert tag is not None  # the type stubs allow None
        delivery = Delivery(body=body, message_id=message_id_of(properties), attempt=attempt(properties.headers))
        self._unsettled[tag] = delivery, properties
        self._received.append(tag)

    def _on_cancel(self, *_: object) -> None:
        self._cancelled = True  # the queue was deleted, or its leader lost

    def _hand_over(self) -> None:
        tags = list(self._received)
        self._received.clear()
        self._handling = True

        def settle(settlements: Sequence[Settlement]) -> None:
            self._settlements.append((tags, settlements))
            self.wake()

        self._post(DeliveryBatch([self._unsettled[tag][0] for tag in tags], settle))

    def _settle(self, tags: Sequence[int], settlements: Sequence[Settlement]) -> None:
        self._handling = False
        done = set()
        for tag, settlement in zip(tags, settlements, strict=True):
            match settlement:
                case Ack():
                    done.add(tag)
                case Reject(reason):
                    self._bury(tag, reason)
                    done.add(tag)
                case Retry():
                    # RabbitMQ would deliver it again at once. Holding it takes one place of the prefetch.
                    delay = self._policy.delay(self._unsettled[tag][0].attempt)
                    self._connection.call_later(delay, lambda tag=tag: self._give_back(tag))  # type: ignore[misc]
        self._ack(done)
        if self.alone:
            self._count_alone(settlements[-1])

    def _bury(self, tag: int, reason: str) -> None:
        """Publish a message to the dead queue, and wait for the confirm. After an error the message comes again."""
        delivery, properties = self._unsettled[tag]
        properties.headers = {**(properties.headers or {}), "reason": reason}
        properties.timestamp = int(time.time())  # the time at which it died, for operators
        properties.delivery_mode = 2
        self._dead_letters.basic_publish("", DEAD_QUEUE, delivery.body, properties, mandatory=True)
        log.warning("broker.dead_lettered", message_id=delivery.message_id, reason=reason)

    def _give_back(self, tag: int) -> None:
        if self._unsettled.pop(tag, None):
            self._channel.basic_nack(tag, requeue=True)

    def _ack(self, done: Collection[int]) -> None:
        """Send one `multiple` ack for the tags with nothing unsettled before them, and single ones for the rest."""
        together = covered_by_multiple(self._unsettled, done)
        if together:
            self._channel.basic_ack(together, multiple=True)
        for tag in done:
            if tag > together:
                self._channel.basic_ack(tag)
            del self._unsettled[tag]


def attempt(headers: object) -> int:
    """Return the number of this delivery, from 1. A quorum queue counts the earlier ones in a header."""
    count = headers.get("x-delivery-count") if isinstance(headers, dict) else None
    return count + 1 if isinstance(count, int) and count >= 0 else 1


def covered_by_multiple(unsettled: Collection[int], done: Collection[int]) -> int:
    """Return the highest tag up to which all `unsettled` ones (ascending) are `done`; 0 if the first is not."""
    highest = 0
    for tag in unsettled:
        if tag not in done:
            break
        highest = tag
    return highest
