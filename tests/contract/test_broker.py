"""RabbitMQ, and the outbox without it, keep the promises of `shared.adapters.broker.base`."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from shared.adapters.broker.base import Ack, Broker, Delivery, Reject, Retry, Settlement
from shared.adapters.broker.dead_letters import DeadLetters
from shared.common.service.errors import StoreUnavailable
from tests.factories import make_message
from tests.fixtures.brokers import Recorder, consuming, publish
from tests.waiting import eventually


async def test_a_message_published_while_consuming_arrives_at_once(broker: Broker) -> None:
    handler = Recorder()
    async with consuming(broker, handler):
        for count in range(1, 4):
            await publish(broker, [make_message()])
            # A message may come twice, if its confirmation was late.
            await eventually(lambda count=count: len(handler.deliveries) >= count)  # type: ignore[misc]


async def test_many_messages_all_arrive_once_in_batches(broker: Broker) -> None:
    messages = [make_message(str(number).encode()) for number in range(1200)]
    handler = Recorder()
    assert all(await broker.publish(messages))
    async with consuming(broker, handler):
        await eventually(lambda: len(handler.deliveries) >= len(messages))
    received = sorted((int(one.body), one.message_id) for one in handler.deliveries)
    assert received == [(number, message.message_id) for number, message in enumerate(messages)]
    assert max(handler.batches) > 1


async def test_two_consumers_share_the_messages(broker: Broker) -> None:
    messages = [make_message(str(number).encode()) for number in range(400)]
    one, other = Recorder(), Recorder()
    async with consuming(broker, one), consuming(broker, other):
        await publish(broker, messages)
        await eventually(lambda: len(one.deliveries) + len(other.deliveries) >= len(messages))
    assert sorted(one.bodies + other.bodies, key=int) == [message.body for message in messages]


async def test_each_message_of_a_batch_is_settled_in_its_own_way(broker: Broker, dead_letters: DeadLetters) -> None:
    def settle(delivery: Delivery) -> Settlement:
        number = int(delivery.body)
        if number % 10 == 3:
            return Reject("three")
        return Retry() if number % 10 == 5 and delivery.attempt == 1 else Ack()

    await publish(broker, [make_message(str(number).encode()) for number in range(50)])
    handler = Recorder(settle)
    async with consuming(broker, handler):
        await eventually(lambda: len(handler.deliveries) >= 55)

    assert sorted(int(d.body) for d in handler.deliveries if d.attempt == 2) == [5, 15, 25, 35, 45]
    assert sorted(int(d.body) for d in await dead_letters.read(limit=100)) == [3, 13, 23, 33, 43]
    later = Recorder()
    async with consuming(broker, later):
        await publish(broker, [make_message(b"100")])
        await eventually(lambda: later.deliveries)
    assert later.bodies == [b"100"]


async def test_a_dependency_that_is_down_costs_no_message_an_attempt(broker: Broker, dead_letters: DeadLetters) -> None:
    calls = 0

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        nonlocal calls
        calls += 1
        if calls <= 25:  # more often than a message may be redelivered
            raise StoreUnavailable("The store is down.")
        return await handler(deliveries)

    handler = Recorder()
    await publish(broker, [make_message(b"1"), make_message(b"2")])
    async with consuming(broker, handle):
        await eventually(lambda: len(handler.deliveries) >= 2)
    assert [(d.body, d.attempt) for d in handler.deliveries] == [(b"1", 1), (b"2", 1)]
    assert await dead_letters.read(limit=100) == []


async def test_a_message_that_never_succeeds_ends_in_the_dead_queue(broker: Broker, dead_letters: DeadLetters) -> None:
    handler = Recorder(lambda _: Retry())
    await publish(broker, [make_message(b"9")])
    async with consuming(broker, handler):
        dead = await eventually(partial(dead_letters.read, limit=100), timeout=30)
    assert [letter.body for letter in dead] == [b"9"]
    assert [delivery.attempt for delivery in handler.deliveries] == list(range(1, 22))


async def test_a_batch_under_way_at_the_stop_is_settled_first(broker: Broker) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: Delivery) -> Settlement:
        began.set()
        await go_on.wait()
        return Ack()

    await publish(broker, [make_message(b"1")])
    async with consuming(broker, Recorder(slowly)) as consumer:
        await began.wait()
        consumer.stop.set()
        go_on.set()

    later = Recorder()
    await publish(broker, [make_message(b"2")])
    async with consuming(broker, later):
        await eventually(lambda: b"2" in later.bodies)
    assert later.bodies == [b"2"]


async def test_a_cancelled_consumer_leaves_its_message_to_others(broker: Broker) -> None:
    began = asyncio.Event()

    async def for_ever(_: Delivery) -> Settlement:
        began.set()
        await asyncio.Event().wait()
        return Ack()

    await publish(broker, [make_message(b"1")])
    task = asyncio.create_task(broker.consume(Recorder(for_ever), asyncio.Event()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    other = Recorder()
    async with consuming(broker, other):
        await eventually(lambda: other.deliveries)
    assert other.bodies == [b"1"]


async def test_publishing_nothing_and_closing_twice_is_fine(broker: Broker) -> None:
    assert list(await broker.publish([])) == []
    await broker.close()
    await broker.close()
