"""What `POST /v1/run` holds: memory, and a slot of the engine."""

import asyncio
from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_service.services import Services
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import OpenedEngine
from shared.common.http.bodies import FREE_BYTES
from shared.records.accounts.api_keys import Scope as KeyScope
from tests.factories import ended_test
from tests.fixtures.played_engine import STARTED, PlayedEngine
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import app_of, note_while_sent
from tests.integration.rows import bearer, make_key

pytestmark = pytest.mark.usefixtures("offered")

_TESTS, _OUTPUT = 4, 65536


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_program_and_its_outputs_count(api_with: ApiWith, accept: str) -> None:
    """The program counts while it runs, and the outputs until the answer is sent."""
    held_while_it_runs, held_while_sent = [], []

    async def note() -> None:
        held_while_it_runs.append(services.body_memory.budget._held.total())

    outputs = [ended_test(number=number, stdout="x" * _OUTPUT) for number in range(1, _TESTS + 1)]
    engine = cast("OpenedEngine", PlayedEngine([STARTED, note, *outputs]))
    async with api_with(open_engine=lambda: engine) as client:
        services: Services = app_of(client).state.services
        note_while_sent(client, lambda: held_while_sent.append(services.response_memory.budget._held.total()))
        tests: list[dict[str, Any]] = [{"stdin": 14_000 * "\1"}, *({} for _ in range(_TESTS - 1))]
        body = {"language": "py", "source": "print(1)", "tests": tests}
        answer = await client.post("/v1/run", json=body, headers={"Accept": accept})
        assert answer.status_code == 200
        assert held_while_it_runs[0] > 6 * 14_000 - FREE_BYTES
        assert held_while_sent[-1] == 3 * _TESTS * _OUTPUT
        assert (services.body_memory.budget._held.total(), services.response_memory.budget._held.total()) == (0, 0)


async def test_a_client_that_takes_no_event_ends_the_program(
    api_with: ApiWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.v1.routes.transient._SEND_S", 0.01)
    engine = PlayedEngine([STARTED, ended_test(number=1), asyncio.Event().wait])
    async with api_with(open_engine=lambda: cast("OpenedEngine", engine)) as client:
        app, transport = app_of(client), cast("Any", client._transport)

        async def stalled(scope: Scope, receive: Receive, send: Send) -> None:
            async def taking_one(message: Message) -> None:
                if b"event: test" in message.get("body", b""):
                    await asyncio.Event().wait()
                await send(message)

            await app(scope, receive, taking_one)
            await send({"type": "http.response.body", "body": b""})  # as the server ends the connection

        transport.app = stalled
        body = {"language": "py", "source": "print(1)", "tests": [{}, {}]}
        answer = await client.post("/v1/run", json=body, headers={"Accept": "text/event-stream"})
        assert (b"started" in answer.content, b"finished" in answer.content) == (True, False)
        assert engine.ended == 1


async def test_the_answer_reports_the_run_time_that_is_left(api_with: ApiWith, database: Database) -> None:
    engine = cast("OpenedEngine", PlayedEngine([STARTED, ended_test(cpu_s=9.5)]))
    headers = bearer(await make_key(database, KeyScope.SUBMIT))
    async with api_with(open_engine=lambda: engine, key_cpu_seconds=3600) as client:
        answer = await client.post("/v1/run", json={"language": "py", "source": "print(1)"}, headers=headers)
    assert answer.headers["RateLimit-Policy"] == '"run_seconds";q=3600;w=3600'
    assert answer.headers["RateLimit"] == '"run_seconds";r=3590;t=1'
