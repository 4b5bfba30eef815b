"""What clients learn of the slots: a run its place in the queue until its end, and all how many are free and wait."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from executor import wire
from executor.runs import Runs
from executor.slots import Slots, Turns
from shared.engine_api.codex import LOAD_HEADER
from shared.engine_api.run_call.events import Alive


@asynccontextmanager
async def with_signs_of_life(
    lines: AsyncGenerator[bytes], turns: Turns, seconds: int
) -> AsyncIterator[AsyncGenerator[bytes]]:
    """Begin a run, and yield its lines. Each `seconds`, and at the start, a line says its place; another, that it is
    long.

    Raises what the lines raise before the run has asked for a slot, such as `Full`.
    """
    ready: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def read() -> None:
        try:
            async for line in lines:
                await ready.put(line)
        except Exception:
            await ready.put(None)
            raise
        await ready.put(None)

    async def note_long() -> None:
        await turns.is_long.wait()
        await ready.put(wire.line(Alive(is_long=True)))

    async def merged() -> AsyncGenerator[bytes]:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            try:
                async with asyncio.timeout_at(due):
                    line = await ready.get() if clock() < due else b""
            except TimeoutError:
                line = b""
            if line is None:
                await reading
                return
            if not line:
                line, due = wire.line(Alive(waiting=turns.place)), clock() + seconds
            yield line

    reading, noting = asyncio.create_task(read()), asyncio.create_task(note_long())
    reading.add_done_callback(lambda _: turns.has_asked.set())
    try:
        await turns.has_asked.wait()
        if reading.done():
            reading.result()
        yield merged()
    finally:
        reading.cancel()
        noting.cancel()
        await asyncio.gather(reading, noting, return_exceptions=True)


def _load(slots: Slots, runs: Runs) -> dict[str, int]:
    """Return how busy the executor is; `stopping` only if it stops."""
    in_slots = {"slots": slots.count, "free": slots.free, "waiting": slots.waiting}
    in_places = {"places": slots.places, "background": slots.background}
    return {**in_slots, **in_places, **({"stopping": 1} if runs.is_stopping else {})}


def with_load(app: ASGIApp, slots: Slots, runs: Runs) -> ASGIApp:
    """Return the application with the load in the head of each answer."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_load(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                value = ", ".join(f"{name}={count}" for name, count in _load(slots, runs).items())
                message = {**message, "headers": [*message["headers"], (LOAD_HEADER.lower().encode(), value.encode())]}
            await send(message)

        await app(scope, receive, send_with_load)

    return serve


def metrics_text(slots: Slots, runs: Runs) -> str:
    """Return the load in Prometheus's text format, by which an autoscaler counts executors."""
    running = slots.count - slots.free
    gauges = {**_load(slots, runs), "running": running, "wanted": running + slots.waiting}
    named = ((f"precieux_executor_{name}", count) for name, count in gauges.items())
    return "".join(f"# TYPE {name} gauge\n{name} {count}\n" for name, count in named)
