"""The pool on a primary and a synchronous standby: failures, promotions, and a standby that is gone."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from shared.adapters.database.connection import Database
from shared.adapters.database.roles import DATABASE, Role
from shared.adapters.database.standby import lacks_standby
from shared.common.service.errors import DatabaseUnavailable
from tests.fixtures.postgres import connected
from tests.fixtures.postgres_node import PostgresNode, primary_and_standby
from tests.fixtures.relay import Relay
from tests.waiting import eventually

pytestmark = pytest.mark.slow

READ_ONLY = "SELECT pg_is_in_recovery() AS standby"
MAKE = "CREATE TABLE IF NOT EXISTS notes (text text)"
WRITE = "INSERT INTO notes VALUES ('something')"


@pytest.fixture
def nodes() -> Iterator[tuple[PostgresNode, PostgresNode]]:
    """Yield a primary and its synchronous standby."""
    with primary_and_standby() as (primary, standby):
        primary.execute(f"SET ROLE {Role.OWNER}; {MAKE}")
        yield primary, standby


def database_on(*ports: int, seconds: float = 0) -> AbstractAsyncContextManager[Database]:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return connected(f"postgresql://{Role.OWNER}@{hosts}/{DATABASE}", statement_seconds=seconds)


@pytest.fixture
async def database(nodes: tuple[PostgresNode, PostgresNode]) -> AsyncIterator[Database]:
    """Yield a pool that knows both servers, the standby first."""
    async with database_on(*(node.port for node in reversed(nodes))) as database:
        yield database


async def write(database: Database, *, in_transaction: bool = False) -> bool:
    """Return whether a row could be written."""
    try:
        async with database.transaction() if in_transaction else database.connection() as connection:
            await connection.execute(WRITE)
    except DatabaseUnavailable:
        return False
    return True


async def test_writes_go_to_the_new_primary(nodes: tuple[PostgresNode, PostgresNode], database: Database) -> None:
    primary, standby = nodes
    assert await write(database)
    async with database.listen("news") as heard:
        await eventually(heard.is_set)
        heard.clear()
        primary.kill()
        assert not await write(database)
        standby.promote()
        await eventually(lambda: write(database))
        await eventually(heard.is_set, what="the new primary is listened to")


async def test_a_lost_connection_is_reported(nodes: tuple[PostgresNode, PostgresNode], database: Database) -> None:
    primary, _ = nodes
    assert await write(database)

    async def write_when_it_dies() -> None:
        async with database.connection() as connection:
            primary.kill()
            await connection.execute(WRITE)

    with pytest.raises(DatabaseUnavailable, match="connection was closed"):
        await write_when_it_dies()
    assert database.connections()["busy"] == 0


async def test_a_demoted_primary_is_left(nodes: tuple[PostgresNode, PostgresNode], database: Database) -> None:
    """Its connections stay open, but would refuse every write."""
    primary, standby = nodes
    assert await write(database)
    primary.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    standby.promote()
    await eventually(lambda: write(database))
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT inet_server_port() AS port")
    assert row is not None
    assert row["port"] == standby.port


async def test_a_commit_waits_for_the_standby_for_a_while(nodes: tuple[PostgresNode, PostgresNode]) -> None:
    primary, standby = nodes
    async with database_on(primary.port, seconds=1) as database:
        standby.freeze()
        began = time.monotonic()
        assert not await write(database)
        assert not await write(database, in_transaction=True)
        assert time.monotonic() - began < 10
        standby.thaw()
        await eventually(lambda: write(database))


async def test_a_host_that_answers_nothing_is_passed_over(nodes: tuple[PostgresNode, PostgresNode]) -> None:
    primary, _ = nodes
    async with Relay(primary.port) as hanging:
        hanging.silence()
        began = time.monotonic()
        async with database_on(hanging.port, primary.port) as database:
            assert time.monotonic() - began < 10
            assert await write(database)


async def test_a_missing_standby_is_seen(nodes: tuple[PostgresNode, PostgresNode], database: Database) -> None:
    _, standby = nodes
    assert not await is_missing(database)
    standby.kill()
    await eventually(lambda: is_missing(database))


async def is_missing(database: Database) -> bool:
    async with database.connection() as connection:
        return await lacks_standby(connection)
