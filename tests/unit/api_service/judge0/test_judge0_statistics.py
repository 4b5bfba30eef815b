"""How often submissions are counted for `GET /statistics`."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from api_service.doors.judge0 import statistics
from api_service.doors.judge0.statistics import Statistics
from shared.adapters.database.connection import Database, DatabaseSettings


class _Counting(Statistics):
    """Numbers its counts instead of counting submissions."""

    def __init__(self) -> None:
        super().__init__(Database(DatabaseSettings(database_url=SecretStr("postgresql://localhost/unused"))))
        self.counts = 0

    async def _count(self, owner: int | None) -> dict[str, Any]:
        self.counts += 1
        counted = self.counts
        await asyncio.sleep(0)
        return {"number": counted, "owner": owner}


async def test_a_key_is_counted_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = _Counting()
    answers = await asyncio.gather(*(counting.read(owner, recount=True) for owner in (1, 2, 1, 1, None, 2)))
    assert [answer["number"] for answer in answers] == [1, 2, 1, 1, 3, 2]
    monkeypatch.setattr(statistics, "_NEW_S", 0.0)
    assert (await counting.read(1, recount=True))["number"] == 4
    assert (await counting.read(1, recount=False))["number"] == 4


async def test_one_count_runs_at_a_time() -> None:
    counting = _Counting()
    reading = [asyncio.create_task(counting.read(owner, recount=True)) for owner in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert counting.counts == 1
    await asyncio.gather(*reading)
    assert counting.counts == 3
