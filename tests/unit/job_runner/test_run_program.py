"""The client of `POST /run`: its events, its errors and its bounds."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from shared.adapters.engine.codex_client import CodexClient
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.engine.test_data import run_with_data
from shared.common.service.errors import EngineAway, EngineCrashed, EngineFull, EngineRefused, EngineUnavailable
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Compiled, Started, TestEnded
from shared.engine_api.run_call.limits import MAX_ARTIFACTS
from tests.factories import ended_test
from tests.fixtures.answered_session import answered_session
from tests.waiting import eventually

STARTED = {"event": "started", "language": "py", "info": "Python 3", "compile": None, "run": "python3 main.py"}
COMPILED: dict[str, Any] = {
    "event": "compiled", "verdict": None, "error": "", "output": "", "truncated": False, "cpu_s": 1, "wall_s": 1,
    "memory_bytes": 1,
}  # fmt: skip
TEST = {"event": "test", **ended_test(stdout="1\n").model_dump(mode="json", exclude_unset=True)}
FINISHED = {"event": "finished"}


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


class Pieces(httpx.AsyncByteStream):
    """A body in pieces. An exception among them is raised; an event is waited for."""

    def __init__(self, pieces: Sequence[bytes | Exception | asyncio.Event]) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece


def client_of(handler: Callable[[httpx.Request], httpx.Response], **settings: Any) -> CodexClient:
    options = {"codex_url": "http://engine", "max_output_bytes": 1024, **settings}
    return CodexClient(EngineSettings.model_validate(options), answered_session(handler))


async def run(answer: httpx.Response | Sequence[bytes | Exception | asyncio.Event], **settings: Any) -> list[RunEvent]:
    response = answer if isinstance(answer, httpx.Response) else httpx.Response(200, stream=Pieces(answer))
    client = client_of(lambda _: response, **settings)
    try:
        async with aclosing(client.run_program(b"{}")) as events:
            return [event async for event in events]
    finally:
        await client.close()


async def test_the_request_names_its_share_and_the_events_follow() -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=lines(STARTED, COMPILED, TEST, {**TEST, "number": 2}, FINISHED))

    client = client_of(handler, codex_token="t0ken")
    async with aclosing(client.run_program(b'{"language": "py"}', share="key-7")) as stream:
        events = [event async for event in stream]
    await client.close()
    [request] = requests
    assert (request.method, request.url.path, request.content) == ("POST", "/run", b'{"language": "py"}')
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Precieux-Share"] == "key-7"
    assert [type(event) for event in events] == [Started, Compiled, TestEnded, TestEnded]


async def test_a_generator_that_is_closed_hangs_up() -> None:
    body = Pieces([lines(STARTED), asyncio.Event()])
    client = client_of(lambda _: httpx.Response(200, stream=body))
    async with aclosing(client.run_program(b"{}")) as events:
        await anext(events)
        assert not body.closed
    assert body.closed
    await client.close()


@pytest.mark.parametrize(
    ("instance", "error"), [("first", EngineUnavailable), ("second", EngineCrashed), (None, EngineCrashed)]
)
async def test_an_engine_that_lives_on_did_not_die(instance: str | None, error: type[Exception]) -> None:
    """A proxy in between may close a connection that was silent for long."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/run":
            return httpx.Response(200, content=lines({**STARTED, "instance": "first"}))
        listing = {"timeStamp": 1, "supportedLanguages": [], "calls": ["run"], "instance": instance}
        return httpx.Response(200, json=listing) if instance else httpx.Response(502)

    client = client_of(handler)
    with pytest.raises(EngineUnavailable) as raised:
        _ = [event async for event in client.run_program(b"{}")]
    assert raised.type is error
    await client.close()


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        # It died.
        ([lines(STARTED)], EngineCrashed, None),
        ([lines(STARTED, TEST)], EngineCrashed, None),
        ([lines(STARTED), httpx.ReadError("reset")], EngineCrashed, None),
        # It broke off before the run. So does a balancer without an engine behind it.
        ([], EngineAway, None),
        ([httpx.ReadError("reset")], EngineAway, None),
        ([lines(STARTED)[:-1]], EngineAway, None),
        # It stops, or its sandbox failed.
        ([lines(STARTED, {"event": "failed", "error": "The engine stops.", "stopping": True})], EngineAway, "stopped"),
        ([lines(STARTED, {"event": "failed", "error": "no room"})], EngineUnavailable, "no room"),
    ],
)
async def test_a_stream_without_its_last_event_tells_what_happened(
    body: list[bytes | Exception], error: type[EngineUnavailable], words: str | None
) -> None:
    with pytest.raises(error, match=words) as raised:
        await run(body)
    assert isinstance(raised.value, EngineCrashed) == (error is EngineCrashed)


@pytest.mark.parametrize("line", [b"\n", b"null\n", b"{}\n", b'{"event": "x"}\n', b"<html>\n", b"\xff\n", b"[" * 9999])
async def test_a_line_that_is_no_event_is_a_failure_of_the_engine(line: bytes) -> None:
    with pytest.raises(EngineUnavailable, match=r"POST /run|closed the connection"):
        await run([lines(STARTED), line])


@pytest.mark.parametrize("unit", ["[],", "{},", '{"":0},', "0,", '"",'])
async def test_a_line_of_very_many_values_is_not_parsed(unit: str) -> None:
    line = f'{{"event":"started","x":[{unit * 150_000}0]}}\n'
    with pytest.raises(EngineUnavailable, match="too many values"):
        await run([line.encode()], max_output_bytes=1 << 20)


@pytest.mark.parametrize("order", [[2, 0, -2, 0] * 1000, [0] * 8193])
async def test_an_order_that_would_repeat_the_output_is_refused(order: list[int]) -> None:
    for event in (COMPILED, TEST):
        with pytest.raises(EngineUnavailable, match="does not follow the protocol"):
            await run([lines(STARTED, {**event, "order": order})], max_output_bytes=1 << 20)


async def test_an_endless_line_is_cut_off() -> None:
    with pytest.raises(EngineUnavailable, match="line of over"):
        await run([lines(STARTED), *[b"x" * 10_000] * 100], artifact_bytes=0)


async def test_a_test_may_take_longer_than_any_answer() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield lines(STARTED)
        await asyncio.sleep(0.3)
        yield lines(TEST, FINISHED)

    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=slowly())

    client = client_of(answer, codex_timeout=0.05)
    with pytest.raises(EngineUnavailable, match="did not answer"):
        _ = [event async for event in client.run_program(b"{}")]
    assert len([event async for event in client.run_program(b"{}", silence_s=5.0)]) == 2
    assert [request.extensions["timeout"]["read"] for request in requests] == [0.05, 5.05]
    await client.close()


async def test_the_time_of_who_handles_an_event_does_not_count() -> None:
    body = Pieces([lines(STARTED), lines(TEST, FINISHED)])
    client = client_of(lambda _: httpx.Response(200, stream=body), codex_timeout=0.05)
    async with aclosing(client.run_program(b"{}")) as events:
        await anext(events)
        await asyncio.sleep(0.3)
        assert isinstance(await anext(events), TestEnded)
    await client.close()


async def test_longer_texts_than_we_keep_are_cut() -> None:
    compiled = {**COMPILED, "output": "c" * 1025, "error": "e" * 2000}
    test = {**TEST, "stdout": "o" * 1025, "stderr": "e" * 1024, "diff": "d" * 20_000, "error": "e" * 2000}
    other = {**test, "stdout": "", "stderr": "e" * 1025, "truncated": ["stderr"]}
    stopped = {**COMPILED, "error": "e" * 2000}
    _, first, second, third, fourth = await run([lines(STARTED, compiled, test, other, stopped, FINISHED)])
    assert isinstance(first, Compiled)
    assert (len(first.output), len(first.error), first.truncated) == (1024, 1000, True)
    assert isinstance(second, TestEnded)
    assert (len(second.stdout), len(second.stderr), second.truncated) == (1024, 1024, ["stdout"])
    assert (len(second.diff or ""), len(second.error)) == (10_000, 1000)
    assert isinstance(third, TestEnded)
    assert (len(third.stderr), third.truncated) == (1024, ["stderr"])
    assert isinstance(fourth, Compiled)
    assert (len(fourth.error), fourth.truncated) == (1000, False)


async def test_long_events_are_read_two_at_a_time() -> None:
    reading, go_on = 0, asyncio.Event()
    long = lines({**TEST, "stdout": "x" * (80 << 10)}, FINISHED)

    async def answer() -> AsyncIterator[bytes]:
        nonlocal reading
        yield lines(STARTED)
        yield long[: 70 << 10]
        reading += 1
        await go_on.wait()
        yield long[70 << 10 :]

    def handler(request: httpx.Request) -> httpx.Response:
        if request.headers["Precieux-Share"] == "long":
            return httpx.Response(200, content=answer())
        return httpx.Response(200, content=lines(STARTED, TEST, FINISHED))

    client = client_of(handler, max_output_bytes=100 << 10)

    async def events(share: str) -> int:
        async with aclosing(client.run_program(b"{}", share=share)) as stream:
            return len([event async for event in stream])

    waiting = [asyncio.create_task(events("long")) for _ in range(5)]
    await eventually(lambda: reading == 2)
    assert [await events("short") for _ in range(20)] == [2] * 20
    assert reading == 2
    go_on.set()
    assert await asyncio.gather(*waiting) == [2] * 5
    await client.close()


async def test_a_refusal_is_final_and_has_a_reason() -> None:
    with pytest.raises(EngineRefused, match="`entry` is not the path of a file"):
        await run(httpx.Response(400, json={"error": "`entry` is not the path of a file."}))


async def test_the_engine_is_asked_once_for_its_calls() -> None:
    listings = 0
    calls: list[str] = ["run"]

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal listings
        if request.url.path == "/run":
            return httpx.Response(404)
        listings += 1
        return httpx.Response(200, json={"timeStamp": 1, "supportedLanguages": [], "calls": calls})

    client = client_of(handler)
    assert [await client.has_run_call() for _ in range(3)] == [True] * 3
    assert listings == 1
    # `job_runner.engine.languages` asks every minute.
    calls.clear()
    await client.languages()
    assert not await client.has_run_call()
    assert listings == 2
    # An engine that has lost the call is asked again.
    with pytest.raises(EngineUnavailable):
        await anext(client.run_program(b"{}"))
    calls.append("run")
    assert await client.has_run_call()
    assert listings == 3
    await client.close()


async def test_artifacts_beyond_the_bounds_are_left_out() -> None:
    """Also if the engine does not keep to its own."""
    empty = {f"e{number}": 0 for number in range(MAX_ARTIFACTS - 1)}
    sizes = {"a": 2, "b": 9, "c": 3, **empty}
    artifacts = [{"name": name, "content": base64.b64encode(bytes(size)).decode()} for name, size in sizes.items()]
    test = {**TEST, "artifacts": [*artifacts, artifacts[0]], "artifacts_left_out": {"too_many": 1}}
    _, event = await run([lines(STARTED, test, FINISHED)], artifact_bytes=5)
    assert isinstance(event, TestEnded)
    kept = [(one.name, len(one.content)) for one in event.artifacts or ()]
    assert kept == [("a", 2), ("c", 3), *list(empty.items())[:-1]]
    assert event.artifacts_left_out == {"too_many": 2, "too_large": 1, "bad_name": 1}


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a\0b", "a\n", "\u202ex", "x" * 256])
async def test_an_artifact_with_a_bad_name_is_a_failure_of_the_engine(name: str) -> None:
    with pytest.raises(EngineUnavailable, match="POST /run"):
        await run([lines(STARTED, {**TEST, "artifacts": [{"name": name, "content": ""}]}, FINISHED)])


async def test_an_engine_gets_what_it_lacks_of_the_tests_and_is_asked_again() -> None:
    stored: dict[str, bytes] = {}
    sha256 = "0" * 64

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            stored[request.url.path.removeprefix("/test-data/")] = request.content
            return httpx.Response(204)
        missing = {"event": "missing", "digests": [sha256]}
        return httpx.Response(200, content=lines(*([STARTED, TEST] if stored else [missing]), FINISHED))

    async def read(wanted: str) -> bytes:
        assert wanted == sha256
        return b"1 2"

    client = client_of(handler)
    async with aclosing(run_with_data(client, b"{}", share="", silence_s=0, data=read)) as events:
        assert [event.event async for event in events] == ["started", "test"]
    assert stored == {sha256: b"1 2"}
    await client.close()


async def test_an_engine_that_keeps_no_data_fails() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        missing = {"event": "missing", "digests": ["0" * 64]}
        return httpx.Response(204 if request.method == "PUT" else 200, content=lines(missing, FINISHED))

    async def read(_: str) -> bytes:
        return b""

    client = client_of(handler)
    with pytest.raises(EngineUnavailable, match="does not keep"):
        _ = [event async for event in run_with_data(client, b"{}", share="", silence_s=0, data=read)]
    await client.close()


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (503, {"Precieux-Slots": "slots=2, free=0, waiting=64"}, EngineFull),
        (503, {"Precieux-Slots": "slots=2, free=2, waiting=0, stopping=1"}, EngineAway),
        (503, {"Precieux-Slots": "slots=x"}, EngineAway),
        (503, {}, EngineAway),  # an engine of an earlier release
        (502, {"Precieux-Slots": "slots=2, free=0, waiting=64"}, EngineAway),
    ],
)
async def test_full_is_not_away(status: int, headers: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(EngineAway) as raised:
        await run(httpx.Response(status, headers={"Retry-After": "1", **headers}))
    assert (raised.type, raised.value.retry_after) == (error, 1)


async def test_of_signs_of_life_only_that_of_a_long_run_is_an_event() -> None:
    asked: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Precieux-Alive"))
        alive = {"event": "alive", "waiting": 1}
        long = {"event": "alive", "is_long": True}
        return httpx.Response(200, content=lines(alive, STARTED, alive, long, TEST, alive, FINISHED))

    client = client_of(handler)
    async with aclosing(client.run_program(b"{}")) as events:
        assert [event.event async for event in events] == ["started", "alive", "test"]
    assert asked == ["5"]
    await client.close()
