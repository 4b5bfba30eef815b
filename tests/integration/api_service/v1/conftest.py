import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from api_service.relay import Relay
from api_service.watcher import Watcher
from shared import api_keys
from shared.api_keys import Scope
from shared.database.connection import Database
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import client_of
from tests.integration.api_service.v1.served import Served, serving


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    headers: dict[str, str]


async def make_key(database: Database, name: str, *scopes: Scope) -> Key:
    async with owner_of(database).transaction() as connection:
        key_id, key = await api_keys.create(connection, name, scopes or (Scope.SUBMIT, Scope.READ))
    return Key(key_id, {"Authorization": f"Bearer {key}"})


@pytest.fixture
async def alice(database: Database) -> Key:
    return await make_key(database, "alice")


@pytest.fixture
async def mallory(database: Database) -> Key:
    return await make_key(database, "mallory")


@pytest.fixture
async def admin(database: Database) -> Key:
    return await make_key(database, "admin", Scope.ADMIN)


@pytest.fixture
async def watcher(database: Database) -> AsyncIterator[Watcher]:
    """Yield a watcher that listens."""
    watcher, stop = Watcher(database), asyncio.Event()
    running = asyncio.create_task(watcher.run(stop))
    with watcher.watch(0) as connected:
        await connected.wait()
    yield watcher
    stop.set()
    await running


@pytest.fixture
async def waiting_api(
    database: Database, store: LocalStore, relay: Relay, signer: LinkSigner, watcher: Watcher
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an API whose watcher listens. Two requests of a key may wait."""
    async with client_of(database, store, relay, signer, watcher=watcher, max_waits=2) as client:
        yield client


@pytest.fixture
async def served(database: Database, store: LocalStore, relay: Relay, signer: LinkSigner) -> AsyncIterator[Served]:
    async with serving(database, store, relay, signer) as served:
        yield served
