"""Handles Ctrl-C so that it cannot get lost."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


def raise_interrupts() -> Callable[[], None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM, except for one that the process was started to ignore.

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
