"""The table of languages, with a database that the test plays."""

import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from api_service.languages.catalog_reader import CatalogReader
from shared.database.connection import Database


class CountingDatabase:
    """Has one language, and counts how often it was read."""

    def __init__(self) -> None:
        self.reads = 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator["CountingDatabase"]:
        yield self

    async def fetch_all(self, _: str) -> list[dict[str, object]]:
        self.reads += 1
        return [{"code": "py", "details": None}]


async def test_unknown_languages_read_the_table_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    database, now = CountingDatabase(), 100.0
    monkeypatch.setattr("api_service.cached.time.monotonic", lambda: now)
    reader = CatalogReader(cast("Database", database))
    for _ in range(50):
        await reader.catalog(["klingon"])
    assert database.reads == 1
    now += 1.1
    for _ in range(50):
        await reader.catalog(["klingon"])
    assert database.reads == 2
