from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api_service.relay import Relay
from shared import api_keys
from shared.api_keys import Scope
from shared.database.connection import Database
from shared.storage.base import ObjectStore
from shared.storage.signing import LinkSigner
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import client_of
from tests.integration.api_service.v1 import trial

PUBLIC_URL = "https://precieux.example.org/base"

Reach = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def key_of(database: Database, *scopes: Scope) -> dict[str, str]:
    """Return the header of a new key."""
    async with owner_of(database).transaction() as connection:
        _, key = await api_keys.create(connection, "test", scopes)
    return {"Authorization": f"Bearer {key}"}


def app_of(client: httpx.AsyncClient) -> FastAPI:
    app: FastAPI = client._transport.app  # type: ignore[attr-defined]
    return app


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner(b"k" * 32, PUBLIC_URL)


@pytest.fixture
def reach(database: Database, store: ObjectStore, relay: Relay, signer: LinkSigner) -> Reach:
    """Return a function that yields a client of an API with the routes of `trial`."""

    @asynccontextmanager
    async def reach(**how: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with client_of(database, store, relay, signer, **how) as client:
            app_of(client).include_router(trial.router)
            yield client

    return reach


@pytest.fixture
async def trials(reach: Reach) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an API in protected mode: it may do everything."""
    async with reach() as client:
        yield client
