"""Tells what a start is waiting for: the process that started us at once, and the log if it takes long."""

import time
from collections.abc import Sequence
from typing import Final

from shared.logging import get_logger
from shared.notify import notify_status

log = get_logger(__name__)

#: How a status begins that names the parts which are not ready yet.
WAITING: Final = "Waiting for "
_AGAIN_S = 30.0


class Waiting:
    """The log names the parts after `long_s` seconds, and then now and again. `tell_at` is when `tell` should be called
    though nothing has happened; None if nothing is waited for."""

    def __init__(self, long_s: float) -> None:
        self._long_s = long_s
        self._parts: Sequence[str] = ()
        self._since = 0.0
        self.tell_at: float | None = None

    def tell(self, parts: Sequence[str]) -> bool:
        """Return whether there are parts that are waited for."""
        now = time.monotonic()
        if parts != self._parts:
            self._parts, self._since = parts, now
            self.tell_at = now + self._long_s if parts else None
            if parts:
                notify_status(WAITING + " and ".join(f"the {part}" for part in parts))
        elif self.tell_at is not None and now >= self.tell_at:
            log.info("up.waiting", waiting_for=", ".join(parts), seconds=round(now - self._since))
            self.tell_at = now + _AGAIN_S
        return bool(parts)

    def begin_again(self) -> None:
        """A part has been started again: that is news, though the same parts are waited for."""
        self._parts = ()
