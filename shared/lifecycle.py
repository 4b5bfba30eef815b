"""How a service lives: it is composed, its loops run side by side until a signal says stop or one of them fails."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterable

import uvloop

from shared.errors import ConfigurationError
from shared.logging import LogSettings, configure_logging
from shared.settings import fail, load

#: A loop takes the stop event, and returns soon after it is set.
Loop = Callable[[asyncio.Event], Awaitable[None]]


def run_service(name: str, serve: Loop) -> int:
    """The whole life of a process: `serve` composes it and runs it until the stop event. Returns the exit code."""
    try:
        configure_logging(name, load(LogSettings))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signal(serve))
    except ConfigurationError as exc:
        return fail(exc)
    return 0


async def _until_signal(serve: Loop) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(stop)


async def run_loops(loops: Iterable[Loop], stop: asyncio.Event) -> None:
    """Run every loop until `stop` is set; the first that fails stops the others, and its error is raised."""
    tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        task.result()


async def wait_any(*events: asyncio.Event, timeout: float | None = None) -> None:
    """Return as soon as one of the events is set, or after `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        for wait in waits:
            with contextlib.suppress(asyncio.CancelledError):
                await wait
