"""The dead letters of RabbitMQ, and those of the outbox, keep the promises of `shared.adapters.broker.dead_letters`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from precieux.host.ports import free_ports
from shared.adapters.broker.base import DEAD_QUEUE, QUEUE, Broker, Message, Reject
from shared.adapters.broker.dead_letters import DeadLetter, DeadLetters
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.common.service.errors import BrokerUnavailable
from tests.factories import make_message
from tests.fixtures.brokers import Outbox, Recorder, consuming
from tests.waiting import eventually

REASON = "no such upload: شماره"


async def bury(broker: Broker, dead_letters: DeadLetters, *messages: Message) -> None:
    async def all_dead() -> bool:
        return (await dead_letters.depths())[DEAD_QUEUE].messages >= len(messages)

    await broker.publish(messages)
    async with consuming(broker, Recorder(lambda _: Reject(f"{REASON}\0"))):
        await eventually(all_dead)


async def test_depths_count_what_waits_and_what_is_dead(broker: Broker, dead_letters: DeadLetters) -> None:
    assert {queue: depth.messages for queue, depth in (await dead_letters.depths()).items()} == {
        QUEUE: 0,
        DEAD_QUEUE: 0,
    }
    await bury(broker, dead_letters, make_message(), make_message())
    await broker.publish([make_message()])

    async def counted() -> bool:
        depths = await dead_letters.depths()
        # What waits in the outbox is not in a queue.
        waiting = 0 if isinstance(broker, Outbox) else 1
        return (depths[QUEUE].messages, depths[DEAD_QUEUE].messages) == (waiting, 2)

    await eventually(counted)


async def test_reading_returns_all_letters_and_removes_none(broker: Broker, dead_letters: DeadLetters) -> None:
    # Only RabbitMQ takes messages of strangers, whose bodies may be any bytes.
    hostile = b"no id" if isinstance(broker, Outbox) else b"\xff\x00"
    messages = [make_message(b"1"), make_message(hostile), make_message(b"3")]
    await bury(broker, dead_letters, *messages)
    for _ in range(30):  # more often than a message may be delivered
        await dead_letters.read(limit=100)
    letters = await _read(dead_letters, 100, len(messages))
    assert [(letter.body, letter.message_id) for letter in letters] == [
        (message.body, message.message_id) for message in messages
    ]
    assert len({letter.key for letter in letters}) == 3
    for letter in letters:
        assert (letter.reason or "").startswith(REASON)
        assert letter.died_at is not None
        assert abs(datetime.now(UTC) - letter.died_at) < timedelta(minutes=1)
    assert [letter.key for letter in await _read(dead_letters, 2, 2)] == [letter.key for letter in letters[:2]]


async def _read(dead_letters: DeadLetters, limit: int, count: int) -> Sequence[DeadLetter]:
    """Return `count` letters as soon as they are back in the queue, which takes a busy broker a moment."""

    async def read() -> Sequence[DeadLetter]:
        letters = await dead_letters.read(limit=limit)
        return letters if len(letters) >= count else ()

    return await eventually(read, what=f"{count} letters")


async def test_a_replayed_letter_is_delivered_as_new(broker: Broker, dead_letters: DeadLetters) -> None:
    first, second, third = messages = [make_message() for _ in range(3)]
    await bury(broker, dead_letters, *messages)
    wanted = next(letter for letter in await dead_letters.read(limit=9) if letter.message_id == second.message_id)
    assert [letter.message_id for letter in await dead_letters.replay([wanted.key, "unheard-of"])] == [
        second.message_id
    ]
    handler = Recorder()
    async with consuming(broker, handler):
        await eventually(lambda: handler.deliveries)
    [delivery] = handler.deliveries
    assert (delivery.body, delivery.message_id, delivery.attempt) == (second.body, second.message_id, 1)

    async def others_left() -> bool:
        left = [letter.message_id for letter in await dead_letters.read(limit=9)]
        return left == [first.message_id, third.message_id]

    await eventually(others_left)


async def test_a_dropped_letter_is_gone(broker: Broker, dead_letters: DeadLetters) -> None:
    first, second = make_message(), make_message()
    await bury(broker, dead_letters, first, second)
    key = (await dead_letters.read(limit=1))[0].key
    assert [letter.message_id for letter in await dead_letters.drop([key])] == [first.message_id]
    assert await dead_letters.drop([key]) == []

    async def one_left() -> bool:
        return [letter.message_id for letter in await dead_letters.read(limit=9)] == [second.message_id]

    await eventually(one_left)


async def test_an_unavailable_broker_is_reported() -> None:
    [port] = free_ports(1)
    with pytest.raises(BrokerUnavailable):
        await RabbitMQDeadLetters(f"amqp://guest:guest@127.0.0.1:{port}/").depths()
