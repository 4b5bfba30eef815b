"""Requests whose message was lost, on a real Postgres."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from queue_consumer import reconciler as reconciler_module
from queue_consumer.jobs import JobMaker
from queue_consumer.reconciler import Reconciler
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import DatabaseConflict, DatabaseUnavailable, StoreUnavailable
from tests.fixtures.postgres import connected, url_of
from tests.integration.rows import add_upload, execute, fetch


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))


@pytest.fixture
def maker(database: Database, store: LocalStore) -> JobMaker:
    return JobMaker(database, store)


@pytest.fixture
def reconciler(database: Database, maker: JobMaker) -> Reconciler:
    return Reconciler(database, maker, silence_seconds=60)


async def request(database: Database, store: LocalStore, *, seconds_ago: float | None) -> tuple[int, uuid.UUID]:
    """Add a requested upload without a message."""
    request_id = uuid.uuid4()
    key = f"{uuid.uuid4().hex}.py"
    await store.put(key, b"print(1)", content_type="text/plain")
    upload = await add_upload(database, object_key=key, request_id=request_id)
    await execute(
        database,
        "UPDATE uploads SET requested_at = now() - make_interval(secs => CAST(:ago AS float8)) WHERE id = :id",
        ago=seconds_ago,
        id=upload,
    )
    return upload, request_id


async def jobs(database: Database) -> list[dict[str, Any]]:
    return await fetch(database, "SELECT upload, request_id, status, stop_reason FROM job ORDER BY upload")


def failing(error: BaseException) -> Callable[[str], Awaitable[bytes]]:
    """Return a `get` of a store that raises the error."""

    async def get(key: str) -> bytes:
        raise error

    return get


async def test_an_overdue_request_becomes_exactly_one_job(
    database: Database, store: LocalStore, reconciler: Reconciler, maker: JobMaker
) -> None:
    upload, request_id = await request(database, store, seconds_ago=61)
    await request(database, store, seconds_ago=1)
    assert len(await reconciler.run_once()) == 1
    assert await jobs(database) == [
        {"upload": upload, "request_id": request_id, "status": "none-executed", "stop_reason": None}
    ]
    assert await reconciler.run_once() == []
    assert await maker.make(str(upload).encode(), str(request_id)) is None
    assert len(await jobs(database)) == 1


async def test_a_request_of_an_earlier_release_is_reconciled_too(
    database: Database, store: LocalStore, reconciler: Reconciler
) -> None:
    await request(database, store, seconds_ago=None)
    assert len(await reconciler.run_once()) == 1


async def test_requests_with_jobs_take_no_places_of_a_batch(
    database: Database, store: LocalStore, reconciler: Reconciler, maker: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else many jobs that have waited for long would hide a request without one."""
    monkeypatch.setattr(reconciler_module, "_BATCH", 1)
    waiting, request_id = await request(database, store, seconds_ago=90)
    assert await maker.make(str(waiting).encode(), str(request_id))
    silent, _ = await request(database, store, seconds_ago=70)
    assert len(await reconciler.run_once()) == 1
    assert [job["upload"] for job in await jobs(database)] == [waiting, silent]


async def test_a_missing_file_or_store_delays_no_other_request(
    database: Database, store: LocalStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky, _ = await request(database, store, seconds_ago=90)
    gone, _ = await request(database, store, seconds_ago=80)
    fine, _ = await request(database, store, seconds_ago=70)
    keys = {row["id"]: str(row["object_key"]) for row in await fetch(database, "SELECT id, object_key FROM uploads")}
    await store.delete(keys[gone])
    get = store.get

    async def flaky(key: str) -> bytes:
        if key == keys[unlucky]:
            raise StoreUnavailable("down")
        return await get(key)

    with monkeypatch.context() as patch:
        patch.setattr(store, "get", flaky)
        await reconciler.run_once()
    assert [job["upload"] for job in await jobs(database)] == [fine]
    await reconciler.run_once()
    assert {job["upload"]: job["stop_reason"] for job in await jobs(database)} == {unlucky: None, fine: None}
    assert await fetch(database, "SELECT id FROM uploads WHERE request_id IS NULL") == [{"id": gone}]


async def test_a_request_that_always_crashes_is_given_up(
    database: Database, store: LocalStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, _ = await request(database, store, seconds_ago=61)

    monkeypatch.setattr(store, "get", failing(RuntimeError()))
    assert await reconciler.run_once() == []
    assert await jobs(database) == []
    await execute(database, "UPDATE uploads SET requested_at = now() - interval '241 seconds'")
    assert len(await reconciler.run_once()) == 1
    [job] = await jobs(database)
    assert (job["upload"], job["stop_reason"]) == (upload, "an internal error (RuntimeError)")


async def test_a_database_conflict_counts_no_dead_consumer(
    database: Database, store: LocalStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await request(database, store, seconds_ago=61)

    with monkeypatch.context() as patch:
        patch.setattr(store, "get", failing(DatabaseConflict("a deadlock")))
        with pytest.raises(DatabaseUnavailable):
            await reconciler.run_once()
    assert await fetch(database, "SELECT stopped_consumers FROM uploads") == [{"stopped_consumers": 0}]


async def test_a_request_that_kills_consumers_is_given_up(
    database: Database, store: LocalStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await request(database, store, seconds_ago=61)

    class Killed(BaseException):
        """Stands for a killed process: no handler of errors catches it."""

    with monkeypatch.context() as patch:
        patch.setattr(store, "get", failing(Killed()))
        for _ in range(5):
            with pytest.raises(Killed):
                await reconciler.run_once()
        assert len(await reconciler.run_once()) == 1
    [job] = await jobs(database)
    assert job["stop_reason"] == "the queue consumer died 5 times while it made the job"
    await execute(database, "DELETE FROM job")
    assert len(await reconciler.run_once()) == 1
    assert await fetch(database, "SELECT stopped_consumers FROM uploads") == [{"stopped_consumers": 0}]


async def test_consumers_that_are_alive_are_not_counted_as_dead(
    database: Database, store: LocalStore, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More consumers than may die make the job of one request at the same time."""
    await request(database, store, seconds_ago=61)
    reading, go_on = asyncio.Event(), asyncio.Event()
    get = store.get

    async def slow(key: str) -> bytes:
        reading.set()
        await go_on.wait()
        return await get(key)

    monkeypatch.setattr(store, "get", slow)
    first = asyncio.create_task(reconciler.run_once())
    await asyncio.wait_for(reading.wait(), 30)
    others = [asyncio.create_task(reconciler.run_once()) for _ in range(5)]
    await asyncio.wait(others, timeout=5)
    assert await reconciler.run_once() == []
    go_on.set()
    assert len(await first) == 1
    await asyncio.gather(*others)
    assert [job["stop_reason"] for job in await jobs(database)] == [None]


async def test_a_slow_store_does_not_end_the_lock(
    database_url: str, database_role: Role, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres ends other transactions that are idle for a minute, here a fifth of a second."""
    monkeypatch.setattr("shared.adapters.database.connection._IDLE_SECONDS", 0.2)
    get = store.get

    async def slow(key: str) -> bytes:
        await asyncio.sleep(0.6)
        return await get(key)

    monkeypatch.setattr(store, "get", slow)
    async with connected(url_of(database_role, database_url)) as database, connected(database_url) as owner:
        await request(owner, store, seconds_ago=61)
        reconciler = Reconciler(database, JobMaker(database, store), silence_seconds=60)
        assert len(await reconciler.run_once()) == 1
