"""The database's pool gives up a host that vanishes without closing its connections."""

import asyncio
import time

import pytest

from shared.common.service.errors import DatabaseUnavailable
from tests.chaos.cluster.network import Network, obstacle
from tests.fixtures.folders import server_folder
from tests.fixtures.gate import missing
from tests.fixtures.postgres import connected
from tests.fixtures.postgres_node import PostgresNode

pytestmark = pytest.mark.slow


async def test_a_silent_host_is_given_up() -> None:
    """Linux would wait for 15 minutes. The API's limit for statements is not set here."""
    if (reason := obstacle()) is not None:
        missing("a network of namespaces", reason)
    with Network() as network, server_folder("silent") as folder:
        host = network.host("db")
        with PostgresNode(folder / "postgres", host.address, 5432, prefix=host.prefix) as node:
            node.make()
            async with connected(node.administrator_url) as database:
                await database.ping()
                network.silence(host)
                began = time.monotonic()
                async with asyncio.timeout(60):
                    with pytest.raises(DatabaseUnavailable):
                        await database.ping()
                assert 15 < time.monotonic() - began < 45
