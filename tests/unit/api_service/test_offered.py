"""The table of languages, with a database that the test plays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from api_service.offered import OfferedLanguages
from shared.database.connection import Database


class SlowDatabase:
    """Has one language, and answers once `answers` is set."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator["SlowDatabase"]:
        yield self

    async def fetch_all(self, _: str) -> list[dict[str, object]]:
        await self.answers.wait()
        return [{"code": "py", "details": None}]


async def test_first_requests_at_one_time_all_see_the_languages() -> None:
    database = SlowDatabase()
    offered = OfferedLanguages(cast("Database", database))
    requests = [asyncio.create_task(offered.codes()) for _ in range(2)]
    await asyncio.sleep(0)
    database.answers.set()
    assert await asyncio.gather(*requests) == [["py"], ["py"]]


class CountingDatabase(SlowDatabase):
    """Counts how often it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.answers.set()
        self.reads = 0

    async def fetch_all(self, sql: str) -> list[dict[str, object]]:
        self.reads += 1
        return await super().fetch_all(sql)


async def test_unknown_languages_read_the_table_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    database, now = CountingDatabase(), 100.0
    monkeypatch.setattr("api_service.offered.time.monotonic", lambda: now)
    offered = OfferedLanguages(cast("Database", database))
    for _ in range(50):
        await offered.offer(["klingon"])
    assert database.reads == 1
    now += 1.1
    for _ in range(50):
        await offered.offer(["klingon"])
    assert database.reads == 2
