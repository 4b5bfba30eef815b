"""The signals that ask a process to end in good order: SIGTERM, and SIGINT of a terminal."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
#: The exit code of a command that SIGINT has ended, as shells report it.
INTERRUPTED: Final = 128 + signal.SIGINT


def at_first_stop_signal(act: Callable[[], None]) -> None:
    """Have the event loop call `act` at the first of them. From then on the process ignores them, until it has ended.

    Not by the loop's own handlers: it gives them back when it closes, and then one more signal would kill a process
    that is about to exit with 0.
    """
    loop = asyncio.get_running_loop()

    def note(number: int, frame: FrameType | None) -> None:
        for each in _STOP:
            signal.signal(each, signal.SIG_IGN)
        loop.call_soon_threadsafe(act)

    for each in _STOP:
        signal.signal(each, note)
