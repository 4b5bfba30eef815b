"""Handles Ctrl-C so that it cannot get lost."""

import signal
from types import FrameType


class Interrupts:
    """Raises KeyboardInterrupt on SIGINT and SIGTERM, and remembers it.

    Python drops an exception that a signal handler raises while a finalizer, a weak reference's callback or a hook of
    `os.register_at_fork` runs (https://docs.python.org/3/library/sys.html#sys.unraisablehook). `check` raises it again.
    """

    def __init__(self) -> None:
        self._arrived = False

    @classmethod
    def install(cls) -> "Interrupts":
        """Install the handlers, except for a signal that the process was started to ignore. Needs the main thread."""
        interrupts = cls()
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, interrupts._raise)
        return interrupts

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has arrived."""
        if self._arrived:
            raise KeyboardInterrupt

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self._arrived = True
        raise KeyboardInterrupt
