"""One listener wakes all that wait for a submission or a batch."""

import asyncio

from api_service.events.notifications import Notifications
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from tests.integration.rows import execute
from tests.waiting import eventually


async def notify(database: Database, channel: str, number: int) -> None:
    await execute(database, "SELECT pg_notify(:channel, :number)", channel=channel, number=str(number))


async def test_a_change_wakes_all_that_wait_for_it(database: Database, notifications: Notifications) -> None:
    with (
        notifications.watch(1) as one,
        notifications.watch(1) as same,
        notifications.watch(2) as other,
        notifications.watch(1, channel=channels.BATCHES) as batch,
    ):
        await notify(database, channels.SUBMISSIONS, 1)
        await asyncio.wait_for(asyncio.gather(one.wait(), same.wait()), 30)
        assert (other.is_set(), batch.is_set()) == (False, False)
        await notify(database, channels.BATCHES, 1)
        await asyncio.wait_for(batch.wait(), 30)
        assert not other.is_set()


async def test_output_is_for_those_that_want_it(database: Database, notifications: Notifications) -> None:
    with (
        notifications.watch(1, wants_output=True) as stream,
        notifications.watch(1) as wait,
        notifications.watch(2, wants_output=True) as other,
    ):
        stream.has_changed = False
        await execute(database, "SELECT pg_notify(:channel, '1 0 stdout a b')", channel=channels.LIVE_OUTPUT)
        await asyncio.wait_for(stream.wait(), 30)
        assert list(stream.written or ()) == [("stdout", "a b")]
        assert not stream.has_changed, "nothing is read again"
        assert (wait.is_set(), other.is_set()) == (False, False)


async def test_a_new_connection_wakes_all(database: Database, notifications: Notifications) -> None:
    with notifications.watch(1) as one, notifications.watch(2, channel=channels.BATCHES) as two:
        async with database.connection() as connection:
            killed = await connection.fetch_all(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND query LIKE 'LISTEN%'"
            )
        assert len(killed) == 1
        await asyncio.wait_for(asyncio.gather(one.wait(), two.wait()), 10)


async def is_listening(database: Database) -> bool:
    async with database.connection() as connection:
        found = await connection.fetch_all(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
    return bool(found)


async def is_at_rest(database: Database) -> bool:
    return not await is_listening(database)


async def test_it_listens_only_while_somebody_waits(database: Database) -> None:
    notifications, stop = Notifications(database, look_seconds=0.1), asyncio.Event()
    running = asyncio.create_task(notifications.run(stop))
    for channel in (channels.SUBMISSIONS, channels.BATCHES):
        await eventually(lambda: is_at_rest(database))
        with notifications.watch(1, channel=channel) as changed:
            await asyncio.wait_for(asyncio.gather(changed.wait(), notifications.key_revoked.wait()), 5)
            assert await is_listening(database)
            changed.clear()
            notifications.key_revoked.clear()
            await notify(database, channel, 1)
            await asyncio.wait_for(changed.wait(), 5)
            await notify(database, channels.KEYS, 1)
            await asyncio.wait_for(notifications.key_revoked.wait(), 5)
            notifications.key_revoked.clear()
    stop.set()
    await running


async def test_a_wait_that_is_over_leaves_it_at_rest(database: Database) -> None:
    notifications, stop = Notifications(database, look_seconds=0.01), asyncio.Event()
    with notifications.watch(1):
        pass
    running = asyncio.create_task(notifications.run(stop))
    await eventually(
        lambda: not notifications._begun.is_set() and database._listener._task is None, what="it is at rest"
    )
    with notifications.watch(2) as changed:
        await asyncio.wait_for(changed.wait(), 5)
    stop.set()
    await running
