"""The port of each service for metrics and health."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from precieux.host.ports import free_ports
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.common.service.errors import ConfigurationError
from shared.records.operations.health import HealthServer, HealthSettings
from tests.fixtures.postgres import connected, url_of
from tests.integration.rows import Outage, add_job
from tests.waiting import eventually


async def serving(database: Database, *, counts_backlog: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    [port] = free_ports(1)
    stop = asyncio.Event()
    health = HealthServer(HealthSettings(metrics_port=port), database, counts_backlog=counts_backlog)
    running = asyncio.create_task(health.run(stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def answers() -> bool:
            try:
                return (await client.get("/healthz")).status_code > 0
            except httpx.ConnectError:
                return False

        await eventually(answers)
        yield client
    stop.set()
    await running


async def test_metrics_show_what_waits_and_since_when(database: Database) -> None:
    await add_job(database)
    async for client in serving(database, counts_backlog=True):
        text = (await client.get("/metrics")).text
        assert 'precieux_backlog{where="none-executed"} 1.0' in text
        assert 'precieux_backlog{where="outbox"} 0.0' in text
        [age] = re.findall(r'precieux_backlog_oldest_age_seconds{where="none-executed"} (\S+)', text)
        assert 0 < float(age) < 60
        assert 'precieux_database_connections{state="busy"}' in text
        assert "precieux_database_up 1.0" in text
        assert "precieux_database_standby_missing 0.0" in text


@pytest.mark.parametrize("role", [Role.API, Role.CONSUMER, Role.RUNNER])
async def test_each_service_shows_its_metrics_with_its_own_role(role: Role, database_url: str) -> None:
    async with connected(url_of(role, database_url)) as database:
        async for client in serving(database, counts_backlog=role is Role.API):
            answer = await client.get("/metrics")
            assert answer.status_code == 200
            assert "precieux_database_up 1.0" in answer.text


async def test_a_service_without_its_database_is_not_healthy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async for client in serving(database):
        Outage(database, monkeypatch).is_on = True
        assert (await client.get("/healthz")).status_code == 503
        metrics = await client.get("/metrics")
        assert metrics.status_code == 200
        assert "precieux_database_up 0.0" in metrics.text


def test_a_taken_port_is_refused_before_the_service_is_ready(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*PRECIEUX_METRICS_PORT"):
            HealthServer(HealthSettings(metrics_port=port), database)


async def test_nothing_is_served_without_a_port(database: Database) -> None:
    await asyncio.wait_for(HealthServer(HealthSettings(), database).run(asyncio.Event()), timeout=30)
