"""The event stream of a submission, over a socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from api_service.access.principal import Principal
from api_service.events import reads, streams
from api_service.limits.holds import ConcurrencyLimit
from api_service.v1.events import submission as submission_events
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.event_source import EventSource, SentEvent
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.life import born
from tests.integration.api_service.v1.served import Served, serving
from tests.integration.rows import execute
from tests.waiting import eventually


def path_of(submission: int) -> str:
    return f"/v1/submissions/{submission}/events"


def source_of(served: Served, submission: int) -> EventSource:
    return EventSource(served.client, path_of(submission))


@asynccontextmanager
async def following(source: EventSource) -> AsyncIterator[list[SentEvent]]:
    """Read the stream while the block runs, into the list that is yielded."""
    events: list[SentEvent] = []

    async def read() -> None:
        async for event in source:
            events.append(event)  # noqa: PERF401  (the list is read meanwhile)

    task = asyncio.create_task(read())
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(events: list[SentEvent], *expected: str) -> None:
    """Wait until these are the last events."""
    await eventually(lambda: steps(events)[-len(expected) :] == [*expected], what=f"the events {expected}")


def steps(events: list[SentEvent]) -> list[str]:
    """Return the events in short: `queued`, `test 1`, `finished!`."""
    found = []
    for event in events:
        match event.name:
            case "state":
                found.append(event.data["state"])
            case "test":
                found.append(f"test {event.data['number']}")
            case "finished":
                found.append(f"{event.data['state']}!")
    return found


async def test_long_texts_wait_for_memory(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads slowly keeps them in memory."""
    life = await born(database, tests=[{}, {}])
    await life.request()
    await life.queue()
    await life.claim()
    for number in (1, 2):
        await life.end_test(number, stdout="x" * 70_000)
    await life.end()
    most, tries = 10 << 20, 0
    monkeypatch.setattr(submission_events, "_ROOM_SECONDS", 0.1)
    hold = ConcurrencyLimit.hold

    def counting(*args: Any) -> AbstractContextManager[None]:
        nonlocal tries
        tries += 1
        return hold(*args)

    async with serving(api_with, large_answers_bytes=most) as served:
        answers = served.services.response_memory
        with ExitStack() as others:
            others.enter_context(answers.hold(Principal(1, frozenset()), most))
            async with following(source_of(served, life.submission)) as events:
                await until(events, "queued", "running")
                monkeypatch.setattr(ConcurrencyLimit, "hold", counting)
                await eventually(lambda: tries >= 3, what="the stream tries again")
                assert steps(events) == ["queued", "running"]
                others.close()
                await until(events, "test 1", "test 2", "finished", "finished!")
        await eventually(lambda: not answers.budget._held)


async def test_finished_is_not_sent_if_it_runs_again(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run may be requested while the stream reads how the one before has ended."""
    life = await born(database)
    whole, reads = submission_events._ended, 0

    async def late(*args: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 1:
            await life.request()
        return await whole(*args)

    monkeypatch.setattr(submission_events, "_ended", late)
    async with following(source_of(served, life.submission)) as events:
        await until(events, "held")
        await life.run()
        await until(events, "finished", "queued")
        await life.queue()
        await life.claim()
        await life.end()
        await until(events, "finished!")
    assert events[-1].data["run"]["number"] == 2
    assert steps(events).count("finished!") == 1


def _has(events: list[SentEvent], number: int) -> bool:
    return len(events) == number


async def test_output_comes_without_another_look_at_the_submission(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await born(database)
    for step in (life.request, life.queue, life.claim):
        await step()
    async with following(source_of(served, life.submission)) as events:
        await until(events, "queued", "running")
        monkeypatch.delattr(reads, "read")
        for number, text in enumerate(("a", "b\u2028c\n"), 3):
            payload = f"{life.submission} 0 stderr {text}"
            await execute(database, "SELECT pg_notify(:channel, :text)", channel=channels.LIVE_OUTPUT, text=payload)
            await eventually(partial(_has, events, number), what="the output")
        monkeypatch.undo()
        await life.end()
        await until(events, "finished", "finished!")
    assert [(one.name, one.data) for one in events[2:4]] == [
        ("stderr", {"text": "a"}),
        ("stderr", {"text": "b\u2028c\n"}),
    ]


async def test_a_deleted_submission_ends_its_stream(served: Served, database: Database) -> None:
    life = await born(database)
    source = source_of(served, life.submission)
    async with following(source) as events:
        await eventually(lambda: steps(events) == ["held"])
        await life.delete()
        await eventually(lambda: source.ended_by == 404)
    assert source.broken == 0


async def test_a_stream_ends_after_a_while_and_goes_on_with_the_next(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds a connection for ever by following what is held."""
    assert 10 < streams._COMMENT_SECONDS < 20, "proxies close a connection that is idle for longer"
    monkeypatch.setattr(streams, "_COMMENT_SECONDS", 0.05)
    monkeypatch.setattr(streams, "_MAX_SECONDS", 0.3)
    life = await born(database)
    for path in (path_of(life.submission), await batch_path(database)):
        async with asyncio.timeout(30):  # it would never end by itself
            answer = await served.client.get(path)
            assert answer.status_code == 200
            assert "\n:" in answer.text, "comments keep proxies content"
    async with following(source_of(served, life.submission)) as events:
        await until(events, "held")
        await life.run()
        await until(events, "queued", "running", "finished", "finished!")
        assert steps(events).count("held") == 1


async def batch_path(database: Database) -> str:
    """Return the path of the events of a batch that never ends."""
    await execute(database, "INSERT INTO batches (id) VALUES (7)")
    await execute(database, "UPDATE uploads SET batch = 7")
    return "/v1/batches/7/events"


async def test_a_revoked_key_keeps_no_stream(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with owner_of(database).transaction() as connection:
        number, key = await api_keys.create(connection, "one", [Scope.READ])
        _, other = await api_keys.create(connection, "other", [Scope.ADMIN])
    life = await born(database, owner=number)
    await execute(database, "INSERT INTO batches (id, owner) VALUES (5, :owner)", owner=number)
    paths = (path_of(life.submission), "/v1/batches/5/events")
    async with serving(api_with) as served, AsyncExitStack() as opened:

        async def opened_with(key: str, path: str) -> AsyncIterator[bytes]:
            stream = served.client.stream("GET", path, headers={"Authorization": f"Bearer {key}"}, timeout=30)
            answer = await opened.enter_async_context(stream)
            assert answer.status_code == 200
            return answer.aiter_raw()

        own = [await opened_with(key, path) for path in paths]
        foreign = await opened_with(other, paths[0])
        # The cache has the key, so one more stream can be opened after it was revoked.
        monkeypatch.setattr(streams, "CACHE_SECONDS", -0.5)
        began = time.monotonic()
        async with owner_of(database).transaction() as connection:
            assert await api_keys.revoke(connection, number)
        late = await opened_with(key, paths[0])
        for pieces in (*own, late):
            assert b"event: finished" not in b"".join([piece async for piece in pieces])
        assert time.monotonic() - began < 12
        assert b"held" in await anext(foreign) + await anext(foreign)


async def test_streams_end_cleanly_when_the_service_stops(api_with: ApiWith, database: Database) -> None:
    life = await born(database)
    async with (
        serving(api_with, grace_seconds=30) as served,
        served.client.stream("GET", path_of(life.submission), timeout=None) as answer,
    ):
        pieces = answer.aiter_raw()
        text = b""
        while b"held" not in text:
            text += await anext(pieces)
        began = time.monotonic()
        served.stop.set()
        # It raises an error if the answer does not end as HTTP requires.
        async for _ in pieces:
            pass
        await served.running
        assert time.monotonic() - began < 12


async def test_nothing_is_left_of_a_client_that_goes_away(served: Served, database: Database) -> None:
    life = await born(database)
    await life.request()
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with following(source_of(served, life.submission)) as events:
            await eventually(lambda: "queued" in steps(events))
    await eventually(lambda: not served.services.streams._open)
    assert not served.services.notifications._events
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 5)


async def test_an_outage_of_the_database_ends_no_stream(
    served: Served, database: Database, postgres_url: str, database_url: str
) -> None:
    life = await born(database)
    source = source_of(served, life.submission)
    async with following(source) as events:
        await eventually(lambda: steps(events) == ["held"])
        administrator = await asyncpg.connect(postgres_url)
        await administrator.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'precieux_api'",
            urlsplit(database_url).path.lstrip("/"),
        )
        await administrator.close()
        await life.request()
        await eventually(lambda: steps(events) == ["held", "queued"])
    assert source.connections == 1
