import asyncio

import pytest

from api_service.background.outbox_notifier import OutboxNotifier
from api_service.background.outbox_publisher import OutboxPublisher
from shared.adapters.broker.base import Message
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service.errors import BrokerUnavailable
from tests.integration.api_service.conftest import RecordingBroker
from tests.integration.rows import execute, fetch
from tests.waiting import eventually


async def add_rows(database: Database, count: int) -> None:
    await execute(
        database,
        "INSERT INTO outbox (queue, body, headers) SELECT 'emails', n::text, jsonb_build_object('message_id', n::text)"
        " FROM generate_series(1, CAST(:count AS int)) AS n",
        count=count,
    )


async def bodies_left(database: Database) -> list[object]:
    return [row["body"] for row in await fetch(database, "SELECT body FROM outbox ORDER BY id")]


async def test_confirmed_rows_are_deleted_and_published_in_order(
    database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await add_rows(database, 3)
    await outbox_publisher.run_once()
    assert broker.accepted == [Message(b"1", "1"), Message(b"2", "2"), Message(b"3", "3")]
    assert await bodies_left(database) == []


async def test_rows_wait_for_a_broker_that_is_down(
    database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await add_rows(database, 2)
    broker.down = True
    with pytest.raises(BrokerUnavailable):
        await outbox_publisher.run_once()
    assert await bodies_left(database) == ["1", "2"]
    stop = asyncio.Event()
    running = asyncio.create_task(outbox_publisher.run(stop))
    broker.down = False
    await eventually(lambda: len(broker.accepted) == 2)
    stop.set()
    await running
    assert await bodies_left(database) == []


async def test_a_refused_row_stays_and_delays_no_other(
    database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await add_rows(database, 3)
    broker.refused = {b"1"}
    await outbox_publisher.run_once()
    assert [message.body for message in broker.accepted] == [b"2", b"3"]
    assert await bodies_left(database) == ["1"]


async def test_several_publishers_publish_each_row_once(database: Database, broker: RecordingBroker) -> None:
    await add_rows(database, 600)
    publishers = [OutboxPublisher(database, broker) for _ in range(4)]

    async def drain(publisher: OutboxPublisher) -> None:
        while await bodies_left(database):
            await publisher.run_once()

    await asyncio.gather(*(drain(publisher) for publisher in publishers))
    assert sorted(int(message.body) for message in broker.accepted) == list(range(1, 601))


async def test_a_crash_after_the_confirm_publishes_the_same_id_again(
    database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_rows(database, 1)

    async def crash(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr("shared.adapters.broker.outbox.remove", crash)
        with pytest.raises(RuntimeError):
            await outbox_publisher.run_once()
    await outbox_publisher.run_once()
    assert broker.accepted == [Message(b"1", "1")] * 2


async def test_a_dead_row_is_not_published(
    database: Database, outbox_publisher: OutboxPublisher, broker: RecordingBroker
) -> None:
    await add_rows(database, 2)
    await execute(database, "UPDATE outbox SET failure = 'no such upload', failed_at = now() WHERE body = '1'")
    await outbox_publisher.run_once()
    assert [message.body for message in broker.accepted] == [b"2"]
    assert await bodies_left(database) == ["1"]


async def test_without_rabbitmq_a_wake_up_reaches_the_consumers(database: Database) -> None:
    notifier, stop = OutboxNotifier(database), asyncio.Event()
    async with database.listen(channels.OUTBOX) as notified, asyncio.timeout(30):
        await notified.wait()  # the listener says so once it is connected
        running = asyncio.create_task(notifier.run(stop))
        for _ in range(2):
            notified.clear()
            notifier.wake.set()
            await notified.wait()
        stop.set()
        await running
