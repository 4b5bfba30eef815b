"""The RabbitMQ adapter with several hosts, some of which are gone or silent."""

import asyncio
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import pytest
from pika.exceptions import AMQPConnectionError

from precieux.host.ports import free_ports
from shared.adapters.broker.base import Ack, Delivery, Settlement
from shared.adapters.broker.rabbitmq import RabbitMQBroker
from shared.adapters.broker.rabbitmq_connection import DeadlineConnection
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.adapters.broker.rabbitmq_topology import connection_parameters
from shared.common.service.errors import BrokerUnavailable
from shared.common.service.retry import RetryPolicy
from tests.factories import make_message
from tests.fixtures.brokers import Recorder, consuming, publish
from tests.fixtures.relay import Relay
from tests.waiting import eventually

#: Ends the address of a host that is to be silent: without heartbeats, only a deadline of ours ends a wait.
_NO_HEARTBEATS = "?heartbeat=0"


def on_ports(url: str, *ports: int) -> str:
    """Return the address with these ports of its host."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@" + ",".join(f"127.0.0.1:{port}" for port in ports)))


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def in_given_order(items: list[object]) -> None:
    """Take the place of `random.shuffle`."""


@pytest.fixture(autouse=True)
def _given_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_topology.random.shuffle", in_given_order)


async def test_a_host_that_is_gone_is_passed_over(rabbitmq_url: str) -> None:
    url = on_ports(rabbitmq_url, *free_ports(1), port_of(rabbitmq_url))
    broker = RabbitMQBroker(url, policy=RetryPolicy(base=60, cap=60))
    await publish(broker, [make_message()])
    handler = Recorder()
    async with consuming(broker, handler):
        await eventually(lambda: handler.deliveries, timeout=20)
    await broker.close()


@pytest.mark.slow
async def test_after_a_silent_host_the_next_is_used(rabbitmq_url: str) -> None:
    """It still accepts connections, as a frozen machine may."""
    async with Relay(port_of(rabbitmq_url)) as first:
        broker = RabbitMQBroker(on_ports(rabbitmq_url, first.port, port_of(rabbitmq_url)), timeout=6)
        await publish(broker, [make_message()])
        first.silence()
        with pytest.raises(BrokerUnavailable, match="confirm"):
            await broker.publish([make_message()])
        async with asyncio.timeout(5):  # it is not asked again
            await publish(broker, [make_message()])
        await broker.close()


@pytest.mark.slow
async def test_a_consumer_without_messages_tries_the_next_host(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host may keep the connection and deliver nothing. A message in hand is not given back."""
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_consumer.SILENCE_SECONDS", 0.1)
    received, release = asyncio.Event(), asyncio.Event()
    attempts: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        attempts.extend(delivery.attempt for delivery in deliveries)
        received.set()
        await release.wait()
        return [Ack()] * len(deliveries)

    port = port_of(rabbitmq_url)
    async with Relay(port) as first, Relay(port) as second:
        broker = RabbitMQBroker(on_ports(rabbitmq_url, first.port, second.port))
        async with consuming(broker, handle):
            await asyncio.wait_for(first.connected.wait(), 20)
            publisher = RabbitMQBroker(rabbitmq_url)
            await publish(publisher, [make_message()])
            await asyncio.wait_for(received.wait(), 20)
            second.connected.clear()
            first.connected.clear()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.connected.wait(), 2)
            assert not first.connected.is_set()
            release.set()
            await asyncio.wait_for(second.connected.wait(), 20)
            await asyncio.wait_for(first.connected.wait(), 20)
        assert len(attempts) == 1
        await publisher.close()
        await broker.close()


async def test_an_answer_that_does_not_come_is_given_up(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_connection.ANSWER_SECONDS", 0.1)
    async with Relay(port_of(rabbitmq_url)) as host:
        [parameters] = connection_parameters(on_ports(rabbitmq_url, host.port) + _NO_HEARTBEATS, "test")
        connection = await asyncio.to_thread(DeadlineConnection, parameters)
        host.silence()
        with pytest.raises(AMQPConnectionError, match="did not answer"):
            await asyncio.wait_for(asyncio.to_thread(connection.channel), 10)
        await asyncio.wait_for(host.left.wait(), 10)


async def test_a_close_that_is_not_answered_has_an_end(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the way to the next host nor the end of the service waits for a host that answers nothing."""
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_consumer.SILENCE_SECONDS", 0.1)
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_connection.CLOSE_SECONDS", 0.1)
    received: asyncio.Queue[Delivery] = asyncio.Queue()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        in_use.popleft().silence()
        for delivery in deliveries:
            received.put_nowait(delivery)
        return [Ack()] * len(deliveries)

    port = port_of(rabbitmq_url)
    async with Relay(port) as first, Relay(port) as second:
        in_use = deque([first, second])
        publisher = RabbitMQBroker(rabbitmq_url)
        broker = RabbitMQBroker(on_ports(rabbitmq_url, first.port, second.port) + _NO_HEARTBEATS)
        await publish(publisher, [make_message()])  # now, because a consumer without messages moves on
        async with consuming(broker, handle) as consumer:
            await asyncio.wait_for(received.get(), 30)
            await publish(publisher, [make_message()])
            await asyncio.wait_for(received.get(), 30)
            consumer.stop.set()
            await asyncio.wait_for(asyncio.shield(consumer.task), 30)
        await publisher.close()


async def test_letters_are_read_although_the_close_is_silent(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_connection.CLOSE_SECONDS", 0.1)
    async with Relay(port_of(rabbitmq_url)) as host:

        def read_and_silence(*_: object, **__: object) -> list[object]:
            host.silence()
            return []

        monkeypatch.setattr("shared.adapters.broker.rabbitmq_dead_letters._letters", read_and_silence)
        letters = RabbitMQDeadLetters(on_ports(rabbitmq_url, host.port) + _NO_HEARTBEATS)
        assert await letters.read(limit=1) == []


async def test_a_publisher_ends_a_silent_connection(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.broker.rabbitmq_publisher.CLOSE_SECONDS", 0.1)
    async with Relay(port_of(rabbitmq_url)) as host:
        broker = RabbitMQBroker(on_ports(rabbitmq_url, host.port) + _NO_HEARTBEATS)
        await publish(broker, [make_message()])
        host.silence()
        await broker.close()
        await asyncio.wait_for(host.left.wait(), 10)


async def test_the_error_of_the_last_host_is_raised(rabbitmq_url: str) -> None:
    broker = RabbitMQBroker(on_ports(rabbitmq_url, *free_ports(2)), timeout=30)
    with pytest.raises(BrokerUnavailable, match="refused"):
        await broker.publish([make_message()])
    await broker.close()
