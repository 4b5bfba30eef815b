"""Clients learn how busy an executor is, and where their runs are in its queue."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette

from executor.runs import Runs
from executor.sandbox.base import UnderWay
from executor.settings import ExecutorSettings
from executor.signs_of_life import with_signs_of_life
from executor.slots import Full, Slots
from shared.engine_api.event_lines import parse_event
from shared.engine_api.run_call.events import Alive
from tests.fixtures.executor_app import PlayedPipeline, Posting, http_client, played_app
from tests.waiting import eventually

_RUN = json.dumps({"language": "python", "files": [{"path": "main.py", "content": "pass"}]}).encode()


def _asking(app: Starlette, alive: str = "1") -> Posting:
    return Posting(app, "/run", _RUN, {"Precieux-Alive": alive})


def _events(posting: Posting) -> list[tuple[str, int | None]]:
    events = map(parse_event, posting.received.splitlines())
    return [(event.event, getattr(event, "waiting", None)) for event in events]


async def test_a_run_that_waits_shows_signs_of_life_and_its_place() -> None:
    pipeline = PlayedPipeline()
    pipeline.may_end.clear()
    app = played_app(pipeline, Slots(1, 2, express=0))
    clients, tasks = [_asking(app) for _ in range(3)], []
    for waiting, client in enumerate(clients):
        tasks.append(asyncio.create_task(client.post()))
        # The answer begins at once.
        await eventually(lambda client=client: client.messages)  # type: ignore[misc]
        assert clients[waiting].load == f"slots=1, free=0, waiting={waiting}, places=2, background=0"
    refused = _asking(app)
    await refused.post()
    assert (refused.messages[0]["status"], refused.load.split(", ")[2]) == (503, "waiting=2")
    await eventually(lambda: [_events(client)[-1:] for client in clients] == [[("alive", at)] for at in (0, 1, 2)])
    clients[1].leaves.set()
    await eventually(lambda: _events(clients[2])[-1] == ("alive", 1))
    pipeline.may_end.set()
    await asyncio.gather(*tasks)
    for client in (clients[0], clients[2]):
        assert [name for name, _ in _events(client) if name != "alive"] == ["started", "test", "finished"]


async def test_a_run_that_becomes_long_says_so_at_once() -> None:
    slots = Slots(1, 0, express=0)
    turns = slots.request("key-1")

    async def lines() -> AsyncGenerator[bytes]:
        async with turns.take() as turn:
            yield b"begun"
            turn._take_slice(cast(UnderWay, None))
            await asyncio.Event().wait()

    async with with_signs_of_life(lines(), turns, 3600) as running:
        events = [await anext(running) for _ in range(3)]
    assert [parse_event(line) for line in events if line != b"begun"] == [Alive(), Alive(is_long=True)]


@pytest.mark.parametrize("alive", ["0", "61", "-1", "1.5", "²"])
async def test_a_wrong_number_of_seconds_is_refused(alive: str) -> None:
    posting = Posting(played_app(PlayedPipeline()), "/run", _RUN, {"Precieux-Alive": alive})
    await posting.post()
    assert posting.messages[0]["status"] == 422


async def test_a_codex_run_does_not_wait_for_a_slot_for_longer_than_half_of_its_time() -> None:
    slots = Slots(1, 1, express=0)
    app = played_app(PlayedPipeline(), slots, ExecutorSettings(codex_timeout=0.02))
    async with slots.take(), http_client(app) as client:
        answer = await client.post("/", json={"language": "py", "code": "pass"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_every_answer_has_the_load_and_says_that_it_stops() -> None:
    runs = Runs()
    async with http_client(played_app(PlayedPipeline(), Slots(3, 1), runs=runs)) as client:
        for path, status in (("/list", 200), ("/healthz", 200), ("/nothing", 404), ("/metrics", 200)):
            answer = await client.get(path)
            assert answer.status_code == status
            assert answer.headers["Precieux-Slots"] == "slots=3, free=3, waiting=0, places=6, background=0"
        await runs.stop(0)
        answer = await client.get("/list")
        assert answer.headers["Precieux-Slots"].endswith(", background=0, stopping=1")


async def test_the_metrics_are_behind_the_token() -> None:
    settings = ExecutorSettings.model_validate({"codex_token": "t0ken"})
    slots = Slots(3, 1)
    async with http_client(played_app(PlayedPipeline(), slots, settings)) as client, slots.take():
        assert (await client.get("/metrics")).status_code == httpx.codes.UNAUTHORIZED
        answer = await client.get("/metrics", headers={"Authorization": "Bearer t0ken"})
    assert "precieux_executor_running 1\n" in answer.text
    assert "precieux_executor_waiting 0\n" in answer.text


async def test_a_run_that_cannot_wait_is_refused_before_the_answer_begins() -> None:
    """The queue may fill up while the body is read."""
    slots = Slots(1, 0, express=0)
    turns = slots.request("key-1")

    async def lines() -> AsyncGenerator[bytes]:
        async with turns.take():
            yield b""

    async with slots.take():
        with pytest.raises(Full):
            async with with_signs_of_life(lines(), turns, 1):
                pass
