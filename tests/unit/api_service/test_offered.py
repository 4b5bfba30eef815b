"""The table of languages, with a database that the test plays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

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
