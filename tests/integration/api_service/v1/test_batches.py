"""Batches over HTTP: posting, reading, cancelling and following them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from shared.adapters.database.connection import Connection, Database, Record, Values
from shared.adapters.storage.local import LocalStore
from tests.integration.rows import fetch, offer
from tests.waiting import eventually

PROGRAM = {"language": "py", "source": "print(1)\n"}


@pytest.fixture(autouse=True)
async def languages(database: Database) -> None:
    """Offer two languages, as a runner reports them."""
    limits = dict.fromkeys(("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"), 10)
    for code in ("py", "cpp"):
        await offer(database, code, extensions=[f".{code}"], compiled=code == "cpp", limits=limits)


async def post(api: httpx.AsyncClient, body: Any) -> httpx.Response:
    return await api.post("/v1/batches", json=body)


async def posted(api: httpx.AsyncClient, body: Any) -> Any:
    answer = await post(api, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_failure_halfway_registers_nothing(
    api: httpx.AsyncClient, database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = LocalStore.put, 0

    async def failing(self: LocalStore, *args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise OSError("the disk is full")
        await put(self, *args, **kwargs)

    monkeypatch.setattr("api_service.submissions.new_submission.MAX_IN_ROW", 0)
    monkeypatch.setattr(LocalStore, "put", failing)
    assert (await post(api, {"submissions": [PROGRAM] * 40})).status_code == 503
    for table in ("uploads", "batches", "outbox"):
        assert await fetch(database, f"SELECT FROM {table}") == []
    monkeypatch.setattr(LocalStore, "put", put)
    assert (await posted(api, {"submissions": [PROGRAM]}))["total"] == 1


async def test_few_files_are_stored_at_once(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    put, active, most = LocalStore.put, 0, 0

    async def counting(self: LocalStore, *args: Any, **kwargs: Any) -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.01)
        await put(self, *args, **kwargs)
        active -= 1

    monkeypatch.setattr("api_service.submissions.new_submission.MAX_IN_ROW", 0)
    monkeypatch.setattr(LocalStore, "put", counting)
    await posted(api, {"submissions": [PROGRAM] * 60})
    assert 2 <= most <= 16


async def test_rows_go_to_the_database_in_few_round_trips(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_each, sent = Connection.fetch_each, []

    async def counting(self: Connection, sql: str, values: Sequence[Values]) -> list[Record]:
        sent.append(len(values))
        return await fetch_each(self, sql, values)

    monkeypatch.setattr(Connection, "fetch_each", counting)
    await posted(api, {"submissions": [PROGRAM] * 40})
    assert sent == [40]
    monkeypatch.setattr("api_service.submissions.service._BYTES_AT_ONCE", 1000)
    sent.clear()
    sources = ["1\n", "#" * 600, "#" * 600, "#" * 5000, "2\n"]
    batch = await posted(api, {"submissions": [PROGRAM | {"source": source} for source in sources]})
    assert sent == [2, 1, 1, 1]
    rows = await fetch(database, "SELECT size_bytes FROM uploads WHERE batch = :batch ORDER BY id", batch=batch["id"])
    assert [row["size_bytes"] for row in rows] == [2, 600, 600, 5000, 2]


async def test_an_id_that_a_client_takes_meanwhile_is_left_out(
    api: httpx.AsyncClient, database: Database, other_databases: list[Database]
) -> None:
    [first] = (await posted(api, {"submissions": [PROGRAM]}))["submissions"]
    taken = first + 2
    async with other_databases[0].transaction() as connection:
        await connection.execute("INSERT INTO uploads (id, email) VALUES (:id, 'a@example.com')", {"id": taken})
        holder = await connection.fetch_one("SELECT pg_backend_pid() AS pid")
        posting = asyncio.create_task(posted(api, {"submissions": [PROGRAM] * 3}))
        waits = "SELECT FROM pg_locks WHERE NOT granted AND :pid = ANY(pg_blocking_pids(pid))"
        await eventually(lambda: fetch(database, waits, pid=holder and holder["pid"]))
    batch = await posting
    assert batch["total"] == 3
    assert taken not in batch["submissions"]
