"""Lets one runner of several look for work after a notification, which wakes all of them."""

import asyncio
from random import uniform
from typing import Final

from shared.common.service.background import wait_any

#: With so many misses more than finds, a runner lags behind another that is free and faster.
_MISSES: Final = 3
#: More misses are not counted, so that a runner which is needed again soon knows.
_MAX_MISSES: Final = 6
#: The seconds by which it then looks later, once for all notifications of that time. Work waits so long for it when the
#: faster one has become full or has died. They are random: work that comes at a steady pace must not meet its looks.
_SECONDS: Final = (0.1, 0.2)


class Lag:
    """Counts the looks for work that were in vain, and delays the next one if others are always faster."""

    def __init__(self) -> None:
        self._misses = 0
        self._is_notified = False

    async def wait(self, notified: asyncio.Event, *urgent: asyncio.Event, timeout: float) -> None:
        """Return when it is time to look, and clear `notified`. With one of the `urgent` events, that is now."""
        await wait_any(notified, *urgent, timeout=timeout)
        if notified.is_set() and self._misses >= _MISSES:
            await wait_any(*urgent, timeout=uniform(*_SECONDS))  # noqa: S311  (no secret)
        self._is_notified = notified.is_set()
        notified.clear()

    def note(self, jobs: int) -> None:
        """Note how much the look has found. Without a notification there was nothing to miss."""
        if jobs:
            self._misses = max(0, self._misses - 1)
        elif self._is_notified:
            self._misses = min(_MAX_MISSES, self._misses + 1)
