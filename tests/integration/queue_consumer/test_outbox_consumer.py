"""The consumer of the outbox: jobs and removals commit together, and no crash and no lost server loses a request."""

import asyncio
import os
import signal
from collections.abc import Sequence

import asyncpg
import pytest

from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.broker.base import Ack, Delivery, Handler, Settlement
from shared.adapters.broker.handling import DELIVERY_LIMIT
from shared.adapters.broker.outbox import adding
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.retry import RetryPolicy
from tests.factories import make_message
from tests.fixtures.brokers import Outbox, consuming
from tests.fixtures.postgres import administrator_url, connected, migrate
from tests.integration.rows import fetch
from tests.waiting import eventually

_ADD = adding("(SELECT 5 AS id, gen_random_uuid() AS request_id) AS requested")

QUICK = RetryPolicy(base=0.05, cap=0.2)
AN_HOUR = 3600.0


@pytest.fixture
def database_role() -> Role:
    """Return the owner, because the handlers here note their effects in a table that is not the consumer's."""
    return Role.OWNER


@pytest.fixture
def broker(database: Database) -> Outbox:
    """Return a broker that never polls within a test, so every message arrives by a notification."""
    return Outbox(database, poll_interval=AN_HOUR, policy=QUICK)


async def test_a_message_and_its_effect_commit_together(database: Database, broker: Outbox) -> None:
    handled, go_on = asyncio.Event(), asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        await _note(database, deliveries)
        handled.set()
        await go_on.wait()
        return [Ack()] * len(deliveries)

    await broker.publish([make_message(b"1")])
    async with consuming(broker, handle):
        await handled.wait()
        assert await _counts(database) == (0, 1)  # others see neither the effect nor the removal
        go_on.set()
        await eventually(lambda: _is(database, (1, 0)))


async def test_a_consumer_killer_is_dead_lettered_alone(database: Database, broker: Outbox) -> None:
    handled: list[bytes] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        if any(delivery.body == b"2" for delivery in deliveries):
            died.set()
            await asyncio.Event().wait()
        handled.extend(delivery.body for delivery in deliveries)
        return [Ack()] * len(deliveries)

    await broker.publish([make_message(b"1"), make_message(b"2"), make_message(b"3")])
    for _ in range(DELIVERY_LIMIT + 1):
        died = asyncio.Event()
        consumer = asyncio.create_task(broker.consume(handle, asyncio.Event()))
        await died.wait()
        consumer.cancel()
        await asyncio.wait([consumer])
    async with consuming(broker, handle):
        await eventually(lambda: handled == [b"1", b"3"])
    [dead] = await fetch(database, "SELECT body, failure FROM outbox")
    assert dead == {"body": "2", "failure": f"delivered {DELIVERY_LIMIT + 1} times without success"}


async def test_a_connection_cut_while_handling_only_repeats_the_batch(
    database: Database, database_url: str, broker: Outbox
) -> None:
    calls = 0

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        nonlocal calls
        calls += 1
        await _note(database, deliveries)
        if calls == 1:
            await _cut_all_others(database_url)
        return [Ack()] * len(deliveries)

    await broker.publish([make_message(b"1"), make_message(b"2")])
    async with consuming(broker, handle):
        await eventually(lambda: _is(database, (2, 0)))
    # The first is handled again; the second comes alone, since the consumer has just started.
    assert calls == 3


@pytest.mark.parametrize("fails_by_statement", [True, False])
async def test_a_failed_batch_is_undone_before_single_tries(
    database: Database, broker: Outbox, fails_by_statement: bool
) -> None:
    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        await _note(database, deliveries)
        for delivery in deliveries:
            if fails_by_statement:
                async with database.transaction() as connection:
                    await connection.execute("SELECT CAST(CAST(:it AS text) AS int)", {"it": delivery.body.decode()})
            elif delivery.body == b"bad":
                raise RuntimeError("a defect of ours")
        return [Ack()] * len(deliveries)

    await broker.publish([make_message(b"1"), make_message(b"bad"), make_message(b"2")])
    async with consuming(broker, handle):
        await eventually(lambda: _is(database, (2, 1)))


async def test_a_notification_wakes_a_consumer_that_never_polls(database: Database, broker: Outbox) -> None:
    attempts: list[int] = []
    async with consuming(broker, _noting(database, attempts)):
        for count in range(1, 6):
            await broker.publish([make_message()])
            await eventually(lambda count=count: len(attempts) == count)  # type: ignore[misc]


async def test_a_lost_notification_costs_the_poll_interval_at_most(database: Database) -> None:
    broker = Outbox(database, poll_interval=0.2, policy=QUICK)
    attempts: list[int] = []
    async with consuming(broker, _noting(database, attempts)):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO outbox (queue, body) VALUES ('emails', '1')")  # and no NOTIFY
        await eventually(lambda: attempts)


async def test_a_killed_server_undoes_a_hand_over_as_a_whole(own_postgres: EmbeddedPostgres) -> None:
    migrate(own_postgres.url(Role.OWNER))
    administrator = await asyncpg.connect(administrator_url(own_postgres))
    # The time until the server writes a commit that does not wait for the disk.
    await administrator.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    await administrator.execute("SELECT pg_reload_conf()")
    await administrator.close()
    attempts: list[int] = []
    async with connected(own_postgres.url(Role.OWNER)) as database:
        broker = Outbox(database)
        async with database.transaction() as connection:
            await connection.execute(_ADD)
        for _ in range(2):
            await broker._consume_batch(_noting(database, attempts))
            assert await _counts(database) == (1, 0)
            assert own_postgres.pid is not None
            os.kill(own_postgres.pid, signal.SIGKILL)
            await eventually(lambda: not own_postgres.running)
            own_postgres.start()
            await eventually(lambda: _is(database, (0, 1)))
    assert attempts == [1, 1]


async def test_other_statements_wait_for_the_disk(database: Database, broker: Outbox) -> None:
    async def waits() -> str:
        async with database.connection() as connection:
            row = await connection.fetch_one("SELECT current_setting('synchronous_commit') AS waits")
        assert row is not None
        return str(row["waits"])

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        assert await waits() == "off"
        return [Ack()] * len(deliveries)

    async with database.transaction() as connection:
        await connection.execute(_ADD)
    await broker._consume_batch(handle)
    assert await waits() == "on"
    assert await _counts(database) == (0, 0)


def _noting(database: Database, attempts: list[int]) -> Handler:
    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        await _note(database, deliveries)
        attempts.extend(delivery.attempt for delivery in deliveries)
        return [Ack()] * len(deliveries)

    return handle


async def _note(database: Database, deliveries: Sequence[Delivery]) -> None:
    """Write the handler's effect: a row in another table, in a nested transaction."""
    async with database.transaction() as connection:
        for _ in deliveries:
            await connection.execute("INSERT INTO suppressions (email, reason) VALUES (gen_random_uuid(), 'effect')")


async def _counts(database: Database) -> tuple[int, int]:
    """Return how many effects there are, and how many messages in all queues."""
    async with database.transaction() as connection:
        row = await connection.fetch_one(
            "SELECT (SELECT count(*) FROM suppressions) AS effects, (SELECT count(*) FROM outbox) AS messages"
        )
    assert row is not None
    return row["effects"], row["messages"]


async def _is(database: Database, counts: tuple[int, int]) -> bool:
    try:
        return await _counts(database) == counts
    except DatabaseUnavailable:
        return False  # the pool gave us one of the connections that were cut


async def _cut_all_others(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
