"""The signals that ask a process to shut down: SIGTERM, and SIGINT from a terminal."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

from shared.common.service.notify import notify_stopping
from shared.common.service.watchdog import heartbeats

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
#: The exit code of a command that SIGINT has ended, as shells report it.
INTERRUPTED: Final = 128 + signal.SIGINT


async def run_until_stop_signal(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `serve` with an event that the first stop signal sets, and report meanwhile that this process is alive."""
    stop = asyncio.Event()

    def request_stop() -> None:
        notify_stopping()
        stop.set()

    at_first_stop_signal(request_stop)
    async with heartbeats():
        await serve(stop)


def at_first_stop_signal(act: Callable[[], None]) -> None:
    """Have the event loop call `act` at the first stop signal. The process ignores all further ones.

    The loop's own handlers would not do: they are removed when the loop closes, and one more signal would then kill a
    process that is about to exit with 0.
    """
    loop = asyncio.get_running_loop()

    def note(number: int, frame: FrameType | None) -> None:
        for stop_signal in _STOP:
            signal.signal(stop_signal, signal.SIG_IGN)
        loop.call_soon_threadsafe(act)

    for stop_signal in _STOP:
        signal.signal(stop_signal, note)
