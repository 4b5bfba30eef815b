"""The RabbitMQ adapter against a broker that stops, dies, hangs, and holds others' queues and messages."""

import asyncio
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from shared.adapters.broker.base import DEAD_QUEUE, QUEUE, Ack, Delivery, Reject, Settlement
from shared.adapters.broker.rabbitmq import RabbitMQBroker
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.common.service.errors import BrokerUnavailable, ConfigurationError
from shared.common.service.retry import RetryPolicy
from tests.factories import make_message
from tests.fixtures.brokers import Recorder, consuming, with_channel
from tests.fixtures.rabbitmq_server import RabbitMQServer
from tests.fixtures.relay import Relay
from tests.waiting import eventually

QUICK = RetryPolicy(base=0.05, cap=0.2)


@pytest.fixture
async def open_broker() -> AsyncIterator[Callable[..., RabbitMQBroker]]:
    """Return a function that connects to an address; the brokers are closed at the end."""
    brokers: list[RabbitMQBroker] = []

    def open_one(url: str, timeout: float = 5.0) -> RabbitMQBroker:
        brokers.append(RabbitMQBroker(url, timeout=timeout, policy=QUICK))
        return brokers[-1]

    yield open_one
    for broker in brokers:
        await broker.close()


@pytest.fixture
def broker(rabbitmq_url: str, open_broker: Callable[..., RabbitMQBroker]) -> RabbitMQBroker:
    return open_broker(rabbitmq_url)


async def test_a_hanging_broker_costs_a_publisher_its_timeout(
    rabbitmq_server: RabbitMQServer, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    broker = open_broker(rabbitmq_server.url, timeout=1.0)
    await eventually(lambda: _published(broker))
    rabbitmq_server.freeze()
    before = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"did not confirm"):
        await broker.publish([make_message()])
    with pytest.raises(BrokerUnavailable):  # this time when it connects
        await broker.publish([make_message()])
    assert time.monotonic() - before < 15
    rabbitmq_server.thaw()
    await eventually(lambda: _published(broker))


async def test_unconfirmed_messages_end_with_their_connection(
    rabbitmq_url: str, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    address = urlsplit(rabbitmq_url)
    async with Relay(address.port or 5672) as relay:
        relayed = address._replace(netloc=address.netloc.replace(f":{address.port}", f":{relay.port}"))
        broker = open_broker(urlunsplit(relayed), timeout=60.0)
        await broker.publish([make_message()])
        relay.silence()
        publishing = asyncio.create_task(broker.publish([make_message(b"on the wire")]))
        await eventually(lambda: asyncio.to_thread(lambda: _depth(rabbitmq_url, QUEUE) == 2), what="it has left us")
        relay.cut()
        async with asyncio.timeout(30):
            with pytest.raises(BrokerUnavailable, match=r"closed the connection"):
                await publishing
        await eventually(lambda: _published(broker))


@pytest.mark.slow
async def test_confirmed_messages_survive_a_killed_broker(
    rabbitmq_server: RabbitMQServer, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    publisher, consumer = open_broker(rabbitmq_server.url), open_broker(rabbitmq_server.url)
    handler = Recorder()
    confirmed: set[bytes] = set()
    enough = asyncio.Event()

    async def publish() -> None:
        number = 0
        while not enough.is_set():
            batch = [make_message(str(number + offset).encode()) for offset in range(20)]
            number += len(batch)
            with suppress(BrokerUnavailable):
                taken = await publisher.publish(batch)
                confirmed.update(message.body for message, ok in zip(batch, taken, strict=True) if ok)
            await asyncio.sleep(0)
            await eventually(lambda: len(confirmed) - len(handler.bodies) < 200, timeout=30)

    async with consuming(consumer, handler):
        publishing = asyncio.create_task(publish())
        await eventually(lambda: len(handler.bodies) > 200)
        # A clean stop first: RabbitMQ forgets a queue if it is killed within a second of its declaration.
        for end in (rabbitmq_server.stop, rabbitmq_server.kill):
            before = len(confirmed)
            await asyncio.to_thread(end)
            # Started from this thread: the server ends with the thread that started it
            # (shared.common.service.parent_death).
            rabbitmq_server.start()
            await eventually(lambda before=before: len(confirmed) > before + 500, timeout=30)  # type: ignore[misc]
        enough.set()
        await publishing
        await eventually(lambda: confirmed <= set(handler.bodies), timeout=30)


@pytest.mark.slow
async def test_a_late_settlement_redelivers_the_message(
    rabbitmq_server: RabbitMQServer, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    broker = open_broker(rabbitmq_server.url)
    await broker.publish([make_message(b"1"), make_message(b"2")])
    handled: list[bytes] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        if not handled:
            rabbitmq_server.stop()
            rabbitmq_server.start()
        handled.extend(delivery.body for delivery in deliveries)
        return [Ack()] * len(deliveries)

    async with consuming(broker, handle):
        await eventually(lambda: handled.count(b"2") >= 2 or (handled.count(b"1") >= 2 and b"2" in handled), timeout=30)
    # A stale tag would be PRECONDITION_FAILED on the new channel, and both would come once more.
    assert max(handled.count(b"1"), handled.count(b"2")) == 2
    assert _depth(rabbitmq_server.url, QUEUE) == 0


async def test_a_publisher_of_the_original_finds_a_classic_queue(rabbitmq_url: str) -> None:
    """The original's own calls, before and after ours. A quorum queue would answer with 406."""

    def publish_as_the_original(channel: BlockingChannel) -> None:
        channel.queue_declare(queue="emails")
        channel.basic_publish(exchange="", routing_key="emails", body=b"7")

    await asyncio.to_thread(with_channel, rabbitmq_url, publish_as_the_original)
    broker = RabbitMQBroker(rabbitmq_url, queue_type="classic", policy=QUICK)
    letters = RabbitMQDeadLetters(rabbitmq_url, queue_type="classic")

    handler = Recorder(lambda delivery: Reject("seven") if delivery.body == b"7" else Ack())
    async with consuming(broker, handler):
        assert await broker.publish([make_message(body=b"8")]) == [True]
        await asyncio.to_thread(with_channel, rabbitmq_url, publish_as_the_original)
        await eventually(lambda: sorted(handler.bodies) == [b"7", b"7", b"8"])
    await broker.close()
    assert [letter.reason for letter in await letters.read(limit=9)] == ["seven", "seven"]


@pytest.mark.slow
async def test_heartbeats_go_on_while_a_handler_blocks_the_event_loop(
    rabbitmq_url: str, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    broker = open_broker(f"{rabbitmq_url}?heartbeat=1")
    await open_broker(rabbitmq_url).publish([make_message()])

    def block(_: Delivery) -> Settlement:
        time.sleep(4)  # the broker hangs up after two silent intervals
        return Ack()

    handler = Recorder(block)
    async with consuming(broker, handler):
        await eventually(lambda: handler.deliveries)
    assert [delivery.attempt for delivery in handler.deliveries] == [1]
    assert _depth(rabbitmq_url, QUEUE) == 0


async def test_a_consumer_killer_costs_its_neighbours_no_delivery(rabbitmq_url: str, broker: RabbitMQBroker) -> None:
    await broker.publish([make_message(b"1"), make_message(b"2"), make_message(b"3")])
    await asyncio.to_thread(_handle_and_die, rabbitmq_url)

    handler = Recorder()
    async with consuming(broker, handler):
        await eventually(lambda: len(handler.bodies) == 3)
    assert {delivery.body: delivery.attempt for delivery in handler.deliveries} == {b"1": 2, b"2": 1, b"3": 1}


async def test_an_unroutable_message_redeclares_the_queue(rabbitmq_url: str, broker: RabbitMQBroker) -> None:
    assert await broker.publish([make_message()]) == [True]
    with_channel(rabbitmq_url, lambda channel: channel.queue_delete(QUEUE))
    assert await broker.publish([make_message(), make_message()]) == [False, False]
    assert await broker.publish([make_message()]) == [True]


async def test_a_consumer_declares_its_deleted_queue_again(rabbitmq_url: str, broker: RabbitMQBroker) -> None:
    handler = Recorder()
    async with consuming(broker, handler):
        await eventually(lambda: _published(broker, b"1"))
        await eventually(lambda: handler.bodies == [b"1"])
        with_channel(rabbitmq_url, lambda channel: channel.queue_delete(QUEUE))
        await eventually(lambda: _published(broker))
        await eventually(lambda: len(handler.bodies) >= 2)


async def test_a_rejected_message_is_acked_after_its_dead_letter(rabbitmq_url: str, broker: RabbitMQBroker) -> None:
    await broker.publish([make_message(b"bad")])

    def reject(_: Delivery) -> Settlement:
        if len(handler.deliveries) == 1:
            with_channel(rabbitmq_url, lambda channel: channel.queue_delete(DEAD_QUEUE))
        return Reject("bad")

    handler = Recorder(reject)
    async with consuming(broker, handler):
        await eventually(lambda: len(handler.deliveries) >= 2)
    (letter,) = await RabbitMQDeadLetters(rabbitmq_url).read(limit=9)
    assert (letter.body, letter.reason) == (b"bad", "bad")


@pytest.mark.parametrize("queue", [QUEUE, DEAD_QUEUE])
async def test_a_queue_with_other_arguments_is_a_configuration_error(
    rabbitmq_url: str, broker: RabbitMQBroker, queue: str
) -> None:
    with_channel(rabbitmq_url, lambda channel: channel.queue_declare(queue, durable=True))
    with pytest.raises(ConfigurationError, match=f"delete_queue {queue}"):
        await broker.publish([make_message()])
    with pytest.raises(ConfigurationError, match=f"delete_queue {queue}"):
        await broker.consume(Recorder(), asyncio.Event())


async def test_the_broker_dead_letters_a_consumer_killer(
    rabbitmq_url: str, open_broker: Callable[..., RabbitMQBroker]
) -> None:
    await open_broker(rabbitmq_url).publish([make_message(b"fatal")])

    def crash() -> bool:
        def take(channel: BlockingChannel) -> bool:
            method, _, _ = channel.basic_get(QUEUE)
            return method is not None

        return with_channel(rabbitmq_url, take)

    crashes = 0
    while await asyncio.to_thread(crash):
        crashes += 1
        assert crashes <= 21
    letters = await eventually(lambda: RabbitMQDeadLetters(rabbitmq_url).read(limit=9))
    assert [(letter.body, letter.reason) for letter in letters] == [(b"fatal", "delivery_limit")]


class _Odd(BasicProperties):
    """Properties as another client may send them: a row of header fields, and an id."""

    def __init__(self, fields: bytes, message_id: bytes = b"1") -> None:
        super().__init__()
        self._values = struct.pack(">I", len(fields)) + fields + struct.pack("B", len(message_id)) + message_id

    def encode(self) -> list[bytes]:
        return [struct.pack(">H", BasicProperties.FLAG_HEADERS | BasicProperties.FLAG_MESSAGE_ID), self._values]


def _nested(levels: int) -> bytes:
    fields = b"\1aI\0\0\0\1"
    for _ in range(levels):
        fields = b"\1aF" + struct.pack(">I", len(fields)) + fields
    return fields


async def test_odd_messages_of_other_publishers_stop_no_consumer(rabbitmq_url: str, broker: RabbitMQBroker) -> None:
    milliseconds = b"\4sentT" + struct.pack(">Q", 1_764_432_000_000)
    odd = {
        b"\xff\x00": BasicProperties(headers={"x-delivery-count": "many", "reason": 7}),
        b"milliseconds": _Odd(milliseconds),
        b"no time": _Odd(b"\4sentT" + b"\xff" * 8),
        b"nested": _Odd(_nested(2000)),
        b"no text": _Odd(b"", b"\xff\xfe"),
    }
    handler = Recorder(lambda delivery: Reject("odd") if delivery.body in odd else Ack())
    async with consuming(broker, handler):
        await eventually(lambda: _published(broker, b"first"))
        for body, properties in odd.items():
            with_channel(
                rabbitmq_url,
                lambda channel, body=body, its=properties: channel.basic_publish(  # type: ignore[misc]
                    "", QUEUE, body, its
                ),
            )
        await eventually(lambda: len(handler.deliveries) >= 1 + len(odd))
        letters = RabbitMQDeadLetters(rabbitmq_url)
        await eventually(lambda: _depth(rabbitmq_url, DEAD_QUEUE) == len(odd))
    assert {delivery.attempt for delivery in handler.deliveries} == {1}
    assert {letter.body for letter in await letters.read(limit=10)} == set(odd)
    # RabbitMQ itself keeps the time of the publisher.
    as_published = BasicProperties(timestamp=1_764_432_000_000)
    with_channel(rabbitmq_url, lambda channel: channel.basic_publish("", DEAD_QUEUE, b"late", as_published))
    *_, last = await letters.read(limit=10)
    assert (last.body, last.died_at) == (b"late", None)


async def _published(broker: RabbitMQBroker, body: bytes | None = None) -> bool:
    """Publish once, and return whether RabbitMQ took the message. It refuses some while a queue is being declared."""
    try:
        return all(await broker.publish([make_message(body)]))
    except BrokerUnavailable:
        return False


def _depth(url: str, queue: str) -> int:
    return with_channel(url, lambda channel: channel.queue_declare(queue, passive=True).method.message_count or 0)


def _handle_and_die(url: str) -> None:
    """Run a consumer in its own process, and kill it when it has handled a message."""
    victim = subprocess.Popen([sys.executable, "-c", _HANDLES_AND_HANGS, url], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    try:
        assert any(line.startswith(b"handled 1") for line in victim.stdout)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()


_HANDLES_AND_HANGS = """
import asyncio, sys
from shared.adapters.broker.rabbitmq import RabbitMQBroker
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters

async def handle(deliveries):
    print("handled", *(delivery.body.decode() for delivery in deliveries), flush=True)
    await asyncio.Event().wait()

asyncio.run(RabbitMQBroker(sys.argv[1]).consume(handle, asyncio.Event()))
"""
