"""Postgres on a disk that becomes full or loses power: the data kept, and the errors that people see."""

from collections.abc import AsyncIterator, Iterator

import pytest

from precieux.commands.system_status import require_room
from precieux.host.ports import free_ports
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.common.service.errors import DatabaseFull, DatabaseUnavailable
from tests.chaos.cluster.disk import Disk, obstacle
from tests.fixtures.folders import server_folder
from tests.fixtures.gate import missing
from tests.fixtures.postgres import connected
from tests.fixtures.postgres_node import PostgresNode

pytestmark = pytest.mark.slow

WRITE = "INSERT INTO notes SELECT repeat('x', 7000) FROM generate_series(1, 20)"


@pytest.fixture
def disk() -> Iterator[Disk]:
    if (reason := obstacle()) is not None:
        missing("a disk that loses its power", reason)
    with server_folder("disk") as folder, Disk(folder, folder / "mounted") as disk:
        yield disk


@pytest.fixture
def node(disk: Disk) -> Iterator[PostgresNode]:
    """Yield a server on the disk, with the table `notes`."""
    log = disk.folder.with_suffix(".log")
    with PostgresNode(disk.folder, "127.0.0.1", *free_ports(1), durable=True, log=log) as node:
        node.make()
        node.execute(f"SET ROLE {Role.OWNER}; CREATE TABLE notes (text text)")
        yield node


@pytest.fixture
async def database(node: PostgresNode) -> AsyncIterator[Database]:
    async with connected(node.url(Role.OWNER)) as database:
        yield database


async def write(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(WRITE)


async def test_a_full_disk_is_named_until_there_is_room(disk: Disk, database: Database) -> None:
    await require_room(database)
    disk.fill()
    with pytest.raises(DatabaseFull, match="the disk of the database is full"):
        await write(database)
    with pytest.raises(DatabaseFull):
        await require_room(database)
    disk.free()
    await write(database)
    await require_room(database)


async def test_a_commit_outlives_a_power_cut(disk: Disk, node: PostgresNode, database: Database) -> None:
    await write(database)
    node.kill()
    disk.cut_power()
    with pytest.raises(DatabaseUnavailable):
        await write(database)
    disk.repower()
    node.start()
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT count(*) AS notes FROM notes")
    assert row is not None
    assert row["notes"] == 20
