"""What a program writes while it runs, between the events of its run."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from executor.pipeline.live_output import LiveEvents
from executor.sandbox.base import SandboxFailure
from shared.engine_api.run_call.events import AnyEvent, Finished, Output
from tests.factories import ended_test

ENDED = ended_test()


def text(stream: str, text: str) -> Output:
    return Output.model_validate({"stream": stream, "text": text})


async def test_output_comes_before_the_end_in_its_order() -> None:
    live, go_on = LiveEvents(), asyncio.Event()

    async def run() -> AsyncGenerator[AnyEvent]:
        live.write("stdout", b"a")
        live.write("stdout", "é".encode()[:1])
        live.write("stderr", b"!")
        await go_on.wait()
        live.write("stdout", "é".encode()[1:] + b"\xff\xc3")
        yield ENDED
        yield Finished()

    events = live.beside(run())
    assert [await anext(events), await anext(events)] == [text("stdout", "a"), text("stderr", "!")]
    go_on.set()
    assert [event async for event in events] == [text("stdout", "é\ufffd\ufffd"), ENDED, Finished()]


async def test_many_small_pieces_are_one_event() -> None:
    live = LiveEvents()

    async def run() -> AsyncGenerator[AnyEvent]:
        for _ in range(1000):
            live.write("stdout", b"x")
        yield ENDED

    assert [event async for event in live.beside(run())] == [text("stdout", "x" * 1000), ENDED]


async def test_a_failure_comes_after_the_output() -> None:
    live = LiveEvents()

    async def run() -> AsyncGenerator[AnyEvent]:
        live.write("stdout", b"x")
        raise SandboxFailure("no")
        yield ENDED

    events = live.beside(run())
    assert await anext(events) == text("stdout", "x")
    with pytest.raises(SandboxFailure):
        await anext(events)


async def test_closing_it_ends_the_run() -> None:
    live, ended = LiveEvents(), asyncio.Event()

    async def run() -> AsyncGenerator[AnyEvent]:
        try:
            yield ENDED
            await asyncio.Event().wait()
        finally:
            ended.set()

    events = live.beside(run())
    assert await anext(events) == ENDED
    await events.aclose()
    assert ended.is_set()
