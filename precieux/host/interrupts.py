"""Handles Ctrl-C so that it cannot get lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: Seconds after which an exception is raised again, in case that Python has dropped it.
_AGAIN: Final = 0.2


class Expired(Exception):
    """A block took too long. It is no `TimeoutError`, which an HTTP client would take for the network's."""


def raise_interrupts() -> Callable[[], None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM, except on a signal that the process was started to ignore.

    Python drops an exception that a signal handler raises while a finalizer, a weak reference's callback or a hook of
    `os.register_at_fork` runs (https://docs.python.org/3/library/sys.html#sys.unraisablehook). So this returns a
    function that raises it again if a signal has arrived. Call it from the main thread.
    """
    arrived = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        arrived.set()
        raise KeyboardInterrupt

    def check() -> None:
        if arrived.is_set():
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
    return check


@contextmanager
def stoppable(seconds: float | None = None) -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on Ctrl-C, and `Expired` after some seconds. For the main thread.

    The block may wait for long, so what Python drops is raised again until the block has ended.
    """
    reason: type[BaseException] = Expired

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal reason
        reason = KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise reason

    def expire(number: int, frame: FrameType | None) -> None:
        raise reason

    before = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGINT)}
    signal.signal(signal.SIGALRM, expire)
    if before[signal.SIGINT] is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
