"""Source files without a row are removed, and no others."""

from datetime import date, timedelta

import pytest

from job_runner.upkeep.orphans import Orphans
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.sources import source_key
from shared.common.service.errors import ObjectNotFound
from tests.integration.submission_rows import add

TODAY = date(2026, 1, 31)


async def put(store: LocalStore, *, days_ago: int) -> str:
    key = source_key(TODAY - timedelta(days=days_ago), ".py")
    await store.put(key, b"source")
    return key


async def is_there(store: LocalStore, key: str) -> bool:
    try:
        await store.get(key)
    except ObjectNotFound:
        return False
    return True


async def test_only_files_without_a_row_are_removed(database: Database, store: LocalStore) -> None:
    orphans = [await put(store, days_ago=days) for days in (2, 5, 9)]
    kept = [await put(store, days_ago=2) for _ in range(3)]
    for key in kept:
        await add(database, object_key=key)
    await store.put("7.py", b"of a classic call")
    await Orphans(database, store, lambda: TODAY).remove()
    assert [await is_there(store, key) for key in orphans] == [False] * 3
    assert [await is_there(store, key) for key in (*kept, "7.py")] == [True] * 4


async def test_a_row_may_still_come_for_two_days(database: Database, store: LocalStore) -> None:
    today = TODAY
    young = [await put(store, days_ago=days) for days in (0, 1)]
    orphans = Orphans(database, store, lambda: today)
    await orphans.remove()
    assert [await is_there(store, key) for key in young] == [True, True]
    today += timedelta(days=1)
    await orphans.remove()
    assert [await is_there(store, key) for key in young] == [True, False]


async def test_a_day_is_looked_at_once(database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    orphans = Orphans(database, store, lambda: TODAY)
    await orphans.remove()
    monkeypatch.setattr(LocalStore, "keys", None)
    await orphans.remove()
