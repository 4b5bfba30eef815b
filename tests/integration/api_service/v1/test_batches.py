"""Batches over HTTP: posting, reading, cancelling and following them."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import httpx
import pytest

from api_service.relay import Relay
from shared.database.connection import Connection, Database, Record, Values
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner
from tests.fixtures.event_source import EventSource, SentEvent
from tests.integration.api_service.conftest import client_of
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key
from tests.integration.api_service.v1.life import Life, notify_batch
from tests.integration.api_service.v1.served import Served
from tests.integration.rows import execute, fetch, offer
from tests.waiting import eventually

pytestmark = pytest.mark.integration

PROGRAM = {"language": "py", "source": "print(1)\n"}


@pytest.fixture(autouse=True)
async def languages(database: Database) -> None:
    """Offer two languages, as a runner reports them."""
    limits = dict.fromkeys(("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"), 10)
    for code in ("py", "cpp"):
        await offer(database, code, extensions=[f".{code}"], compiled=code == "cpp", limits=limits)


async def post(api: httpx.AsyncClient, body: Any, **how: Any) -> httpx.Response:
    return await api.post("/v1/batches", json=body, **how)


async def posted(api: httpx.AsyncClient, body: Any, **how: Any) -> Any:
    answer = await post(api, body, **how)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def counts(database: Database) -> dict[str, int]:
    tables = ("uploads", "batches", "outbox", "emails")
    return {table: int(str((await fetch(database, f"SELECT count(*) FROM {table}"))[0]["count"])) for table in tables}


async def test_a_batch_is_registered_and_requested(api: httpx.AsyncClient, database: Database) -> None:
    answer = await post(api, {"submissions": [PROGRAM, {**PROGRAM, "language": "cpp"}]})
    batch = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == batch["links"]["self"] == f"{PUBLIC_URL}/v1/batches/{batch['id']}"
    assert ", ".join(batch) == (
        "id, state, total, done, states, verdicts, digest, webhook, created_at, finished_at, submissions, links"
    )
    assert (batch["state"], batch["total"], batch["done"], batch["digest"]) == ("running", 2, 0, False)
    assert batch["states"] == {"held": 0, "queued": 2, "running": 0, "finished": 0, "failed": 0, "cancelled": 0}
    assert set(batch["verdicts"].values()) == {0}
    assert (batch["webhook"], batch["finished_at"]) == (None, None)
    first, second = batch["submissions"]
    rows = await fetch(database, "SELECT body FROM outbox ORDER BY id")
    assert [row["body"] for row in rows] == [str(first), str(second)]
    shown = (await api.get(f"/v1/submissions/{second}")).json()
    assert (shown["batch"], shown["state"], shown["entry"]) == (batch["id"], "queued", "main.cpp")
    assert (await api.get(f"/v1/batches/{batch['id']}")).json() == batch
    listed = (await api.get(batch["links"]["submissions"].removeprefix(PUBLIC_URL))).json()
    assert {item["id"] for item in listed["items"]} == {first, second}


async def test_ids_are_in_the_order_posted(api: httpx.AsyncClient, database: Database) -> None:
    batch = await posted(api, {"submissions": [{**PROGRAM, "metadata": {"n": str(n)}} for n in range(20)]})
    rows = await fetch(database, "SELECT id, metadata ->> 'n' AS n FROM uploads")
    numbers = {row["id"]: row["n"] for row in rows}
    assert [numbers[one] for one in batch["submissions"]] == [str(n) for n in range(20)]


async def test_the_same_content_may_be_written_otherwise(api: httpx.AsyncClient, database: Database) -> None:
    headers = {"Idempotency-Key": "again"}
    first = await posted(api, {"submissions": [PROGRAM]}, headers=headers)
    again = {"digest": False, "defaults": {}, "webhook_url": None, "submissions": [PROGRAM]}
    assert await posted(api, again, headers=headers) == first


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

    monkeypatch.setattr(LocalStore, "put", failing)
    before = await counts(database)
    assert (await post(api, {"submissions": [PROGRAM] * 40})).status_code == 503
    assert await counts(database) == before
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
    monkeypatch.setattr("api_service.submissions._BYTES_AT_ONCE", 1000)
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


async def test_a_budget_refuses_the_whole_batch(
    database: Database, store: LocalStore, relay: Relay, signer: LinkSigner, alice: Key
) -> None:
    async with client_of(database, store, relay, signer, key_budget=5) as api:
        await posted(api, {"submissions": [PROGRAM] * 3}, headers=alice.headers)
        before = await counts(database)
        assert (await post(api, {"submissions": [PROGRAM] * 3}, headers=alice.headers)).status_code == 429
        assert await counts(database) == before
        await posted(api, {"submissions": [PROGRAM] * 2}, headers=alice.headers)


async def test_cancelling_cancels_what_has_not_ended(api: httpx.AsyncClient, database: Database) -> None:
    batch = await posted(api, {"submissions": [PROGRAM] * 4})
    ended, running, *_ = lives = [Life(database, one) for one in batch["submissions"]]
    for life in (ended, running):
        await life.queue()
        await life.claim()
    await ended.end()
    answer = await api.post(f"/v1/batches/{batch['id']}/cancel")
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["states"]["cancelled"], shown["states"]["finished"], shown["done"]) == (3, 1, 4)
    assert shown["verdicts"]["ok"] == 1
    await execute(database, "UPDATE batches SET finished_at = now()")
    assert (await api.post(f"/v1/batches/{batch['id']}/cancel")).status_code == 409
    assert (await api.get(f"/v1/batches/{batch['id']}")).json()["state"] == "finished"
    assert len(lives) == 4


async def test_progress_is_sent_at_once_and_then_once_a_second(served: Served, database: Database) -> None:
    batch = await posted(served.client, {"submissions": [PROGRAM] * 12})
    lives = [Life(database, one) for one in batch["submissions"]]
    path = f"/v1/batches/{batch['id']}/events"

    async def seconds_to_the_first() -> float:
        began = time.monotonic()
        async with aclosing(aiter(EventSource(served.client, path))) as events:
            await anext(events)
        return time.monotonic() - began

    # A busy machine may delay one of them.
    assert min([await seconds_to_the_first() for _ in range(3)]) < 1
    events: list[SentEvent] = []
    source = EventSource(served.client, path)

    async def read() -> None:
        async for event in source:
            events.append(event)  # noqa: PERF401  (the list is read meanwhile)

    def is_told(done: int) -> bool:
        return bool(events[-1].data["done"] == done)

    began = time.monotonic()
    task = asyncio.create_task(read())
    await eventually(lambda: len(events) == 1)
    assert events[0].data == {name: batch[name] for name in ("total", "done", "states", "verdicts")}
    for done, life in enumerate(lives, 1):
        await life.queue()
        await life.claim()
        await notify_batch(database, batch["id"])
        await life.end()
        if done in (4, 8, 12):
            await eventually(partial(is_told, done))
    assert 4 <= len(events) <= time.monotonic() - began + 2
    await execute(database, "UPDATE batches SET finished_at = now()")
    await notify_batch(database, batch["id"])
    await eventually(lambda: source.ended_by is not None)
    task.cancel()
    assert source.ended_by == 204
    assert [event.name for event in events] == ["progress"] * (len(events) - 1) + ["finished"]
    assert events[-1].data == (await served.client.get(f"/v1/batches/{batch['id']}")).json()
    assert not served.services.streams._open


async def test_the_stream_of_a_finished_batch_ends_at_once(served: Served, database: Database) -> None:
    batch = await posted(served.client, {"submissions": [PROGRAM]})
    await execute(database, "UPDATE batches SET finished_at = now()")
    async with asyncio.timeout(10):
        source = EventSource(served.client, f"/v1/batches/{batch['id']}/events")
        events = [event async for event in source]
    assert [event.name for event in events] == ["progress", "finished"]
    assert (source.connections, source.ended_by) == (1, 204)
