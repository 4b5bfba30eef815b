"""Requests that are repeated while the synchronous standby does not have yet what they asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api_service import mails
from api_service.v1 import idempotency
from shared.database.connection import Database, DatabaseSettings, Record
from shared.database.roles import Role
from shared.errors import DatabaseUnavailable
from shared.storage.local import LocalStore
from tests.fixtures.postgres import migrate
from tests.fixtures.postgres_node import PostgresNode, primary_and_standby
from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FORM: dict[str, str | int] = {"email": "someone@example.com", "inputs": "in", "language": "python", "enable": 0}

Ask = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[PostgresNode, PostgresNode]]:
    """Yield a primary with our tables, and its synchronous standby."""
    with primary_and_standby() as (primary, standby):
        migrate(primary.url(Role.OWNER))
        yield primary, standby


@pytest.fixture
async def database(nodes: tuple[PostgresNode, PostgresNode]) -> AsyncIterator[Database]:
    """Yield a pool that waits a second for the standby."""
    primary, standby = nodes
    settings = DatabaseSettings(database_url=SecretStr(primary.url(Role.API)))
    database = Database(settings, statement_seconds=1)
    await database.connect()
    yield database
    standby.thaw()
    await database.disconnect()


async def register(api: httpx.AsyncClient, number: int) -> httpx.Response:
    return await api.post("/submit_email/", params={**FORM, "id": number}, files={"file": ("a.py", b"print()")})


async def register_with_an_id(api: httpx.AsyncClient) -> httpx.Response:
    return await register(api, number=70)


async def request_execution(api: httpx.AsyncClient) -> httpx.Response:
    return await api.get("/check_email/", params={"id": 80})


async def submit(api: httpx.AsyncClient) -> httpx.Response:
    headers = {"Idempotency-Key": "v1"}
    return await api.post("/v1/submissions", json={"language": "python", "source": "print()"}, headers=headers)


async def repeat_until(status: HTTPStatus, api: httpx.AsyncClient, ask: Ask) -> None:
    async def is_answered() -> bool:
        return (await ask(api)).status_code == status

    await eventually(is_answered)


@pytest.mark.parametrize(
    ("ask", "acknowledgement"),
    [
        (register_with_an_id, HTTPStatus.CONFLICT),
        (request_execution, HTTPStatus.OK),
    ],
)
async def test_a_repeated_classic_request_waits_for_the_standby(
    nodes: tuple[PostgresNode, PostgresNode], api: httpx.AsyncClient, ask: Ask, acknowledgement: HTTPStatus
) -> None:
    """The second one finds what the first one has committed without the standby."""
    _, standby = nodes
    await register(api, number=80)
    standby.freeze()
    answers = [await ask(api) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [HTTPStatus.SERVICE_UNAVAILABLE] * 2
    standby.thaw()
    await repeat_until(acknowledgement, api, ask)


async def test_a_replay_waits_for_the_standby(
    nodes: tuple[PostgresNode, PostgresNode], api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request is committed without the standby after the second one has found its key taken."""
    _, standby = nodes
    claimed, go_on = asyncio.Event(), asyncio.Event()
    put, run = LocalStore.put, idempotency._Slot.run

    async def put_later(*arguments: Any, **options: Any) -> None:
        claimed.set()
        await go_on.wait()
        await put(*arguments, **options)

    async def find_later(slot: Any, sql: str, **values: object) -> Record | None:
        if sql == idempotency._FIND and not go_on.is_set():
            standby.freeze()
            go_on.set()
            assert (await first).status_code == HTTPStatus.SERVICE_UNAVAILABLE
        return await run(slot, sql, **values)

    monkeypatch.setattr(idempotency, "_ANSWER_SECONDS", 0)
    monkeypatch.setattr(idempotency._Slot, "run", find_later)
    monkeypatch.setattr(LocalStore, "put", put_later)
    first = asyncio.create_task(submit(api))
    await claimed.wait()
    assert (await submit(api)).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    standby.thaw()
    await repeat_until(HTTPStatus.CREATED, api, submit)


async def test_a_repeated_report_waits_for_the_standby(
    nodes: tuple[PostgresNode, PostgresNode], database: Database
) -> None:
    _, standby = nodes
    standby.freeze()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await mails.store_report(database, "a-token", None)
