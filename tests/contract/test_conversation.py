"""`/converse` of a real executor: a program whose user is at the other end of the connection."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shared.engine_api.event_lines import parse_conversation_event
from shared.engine_api.run_call.events import Failed, Finished, Output, StageBegan, StageEnded, Stop
from tests.fixtures.executor import running_executor
from tests.fixtures.run_call import as_files
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["as it comes", "without cgroups", "ordinary user"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with running_executor(request.param, executor_slots="1", express_slots="0", queue="1") as running:
        yield running.url.replace("http:", "ws:") + "converse"


class Talk:
    """A user of a program."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []

    async def say(self, **said: Any) -> None:
        await self.connection.send(json.dumps(said))

    async def until(self, wanted: Any) -> None:
        """Read events up to this one, or up to the output that ends with this text."""
        while not self.events or not self._is(self.events[-1], wanted):
            self.events.append(parse_conversation_event(await self.connection.recv()))

    async def end(self) -> list[Any]:
        """Return all events, joined where they are pieces of one output."""
        async for message in self.connection:
            self.events.append(parse_conversation_event(message))
        joined: list[Any] = []
        for event in self.events:
            last = joined[-1] if joined else None
            if isinstance(event, Output) and isinstance(last, Output) and last.stream == event.stream:
                joined[-1] = Output(stream=event.stream, text=last.text + event.text)
            else:
                joined.append(event)
        return joined

    @staticmethod
    def _is(event: Any, wanted: Any) -> bool:
        return event.text.endswith(wanted) if isinstance(event, Output) and isinstance(wanted, str) else event == wanted


@asynccontextmanager
async def talking(url: str, language: str, *sources: str, **fields: Any) -> AsyncIterator[Talk]:
    files = as_files({f"main{number}.{language}": source for number, source in enumerate(sources)})
    async with connect(url, proxy=None, open_timeout=30 * PATIENCE) as connection:
        await connection.send(json.dumps({"language": language, "files": files, **fields}))
        yield Talk(connection)


def ended(stage: str, **how: Any) -> dict[str, Any]:
    return {"stage": stage, "exit_code": None, "signal": None, "stopped": None, **how}


def end_of(event: Any) -> dict[str, Any]:
    assert isinstance(event, StageEnded), event
    return event.model_dump(include={"stage", "exit_code", "signal", "stopped"})


async def test_input_may_come_before_the_program(url: str) -> None:
    async with talking(url, "c", "#include <stdio.h>\nint main(void) { putchar(getchar()); }") as talk:
        await talk.say(stdin="x")
        events = await talk.end()
    compiled, ran = (event for event in events if isinstance(event, StageEnded))
    assert (end_of(compiled), end_of(ran)) == (ended("compile", exit_code=0), ended("run", exit_code=0))
    assert Output(stream="stdout", text="x") in events


async def test_a_script_that_fails_to_build_is_a_stage_too(url: str) -> None:
    async with talking(url, "bash", "echo never", "echo no; exit 3", build="main1.bash") as talk:
        events = await talk.end()
    assert events[:2] == [StageBegan(stage="compile"), Output(stream="stdout", text="no\n")]
    assert [end_of(events[2]), *events[3:]] == [ended("compile", exit_code=3), Finished()]


async def test_a_program_is_built_once(url: str) -> None:
    """The script builds until a certain second, and fails after it."""
    until = int(time.time()) + round(3 * PATIENCE)
    build = f"[ $(date +%s) -lt {until} ] || {{ echo late; exit 4; }}\nwhile [ $(date +%s) -lt {until} ]; do :; done"
    async with talking(url, "bash", "echo built", build, build="main1.bash") as talk:
        events = await talk.end()
    assert [end_of(event) for event in events if isinstance(event, StageEnded)] == [
        ended("compile", exit_code=0),
        ended("run", exit_code=0),
    ]
    assert Output(stream="stdout", text="built\n") in events
    assert events[-1] == Finished()


async def test_a_signal_reaches_the_program(url: str) -> None:
    program = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"
    async with talking(url, "bash", program) as talk:
        await talk.until("ready\n")
        await talk.say(signal=2)
        events = await talk.end()
    assert end_of(events[-2]) == ended("run", exit_code=7)
    assert Output(stream="stdout", text="ready\ncaught\n") in events


async def test_a_signal_ends_the_compiler(url: str) -> None:
    bomb = "".join(f"#define A{n} A{n + 1} A{n + 1}\n" for n in range(40)) + "int A0;"
    async with talking(url, "c", bomb) as talk:
        await talk.until(StageBegan(stage="compile"))
        await talk.say(signal=15)
        events = await talk.end()
    assert [end_of(events[-2]), events[-1]] == [ended("compile", signal=15), Finished()]


async def test_limits_end_a_program(url: str) -> None:
    async with talking(url, "bash", "read word", limits={"wall_s": 0.3}) as talk:
        events = await talk.end()
    assert end_of(events[-2]) == ended("run", signal=9, stopped=Stop.WALL)


async def test_output_has_no_limit_and_is_whole(url: str) -> None:
    program = "print('€' * 2_000_000)"
    async with talking(url, "py", program) as talk:
        events = await talk.end()
    assert events[1] == Output(stream="stdout", text="€" * 2_000_000 + "\n")


async def test_a_program_that_cannot_run_is_refused(url: str) -> None:
    limits = {"limits": {"cpu_s": 1e9}}
    for talking_of in (talking(url, "klingon", "1"), talking(url, "py"), talking(url, "py", "1", **limits)):
        async with talking_of as talk:
            [event] = await talk.end()
        assert isinstance(event, Failed)
    for message in ("{", b"\xff", ""):
        async with connect(url, proxy=None) as connection:
            await connection.send(message)
            assert isinstance(parse_conversation_event(await connection.recv()), Failed)


async def test_more_input_than_allowed_ends_the_conversation(url: str) -> None:
    async with talking(url, "bash", "echo ready; sleep 60") as talk:
        await talk.until("ready\n")
        await talk.say(stdin="x" * 1_100_000)
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(20 * PATIENCE):
                await talk.until("never")


async def test_pages_from_elsewhere_may_not_converse(url: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with connect(url, proxy=None, additional_headers={"Origin": "https://example.com"}):
            pass


async def test_a_token_is_required() -> None:
    with running_executor(codex_token="t" * 32) as running:
        address = running.url.replace("http:", "ws:") + "converse"
        with pytest.raises(InvalidStatus, match="401"):
            async with connect(address, proxy=None):
                pass
        async with connect(address, proxy=None, additional_headers={"Authorization": f"Bearer {'t' * 32}"}):
            pass
