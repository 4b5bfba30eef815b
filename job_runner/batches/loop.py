"""Acts on batches whose submissions have ended."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Final

from job_runner.emails.texts.branding import Branding
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Seconds to wait after a look. The first end is looked at at once, and those that follow closely together.
_PACE_SECONDS: Final = 0.05


class BatchLoop(ABC):
    """Looks at batches when a submission of theirs has ended, and at all after a while. Any number of runners may."""

    def __init__(self, database: Database, branding: Branding, *, poll_interval: float) -> None:
        self._database = database
        self._branding = branding
        self._poll_interval = poll_interval
        #: The batches that may have ended since they were last looked at; None: any.
        self._changed: set[int] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        async with self._database.listen(channels.BATCHES, self._note) as notified:
            while not stop.is_set():
                notified.clear()
                changed, self._changed = self._changed, set()
                timeout = self._poll_interval
                try:
                    while (changed is None or changed) and await self.run_once(changed):
                        pass
                except DatabaseUnavailable as exc:
                    self._changed = None
                    timeout = 1.0
                    log.warning("batches.waiting", error=str(exc), next_try_s=timeout)
                await wait_any(stop, timeout=_PACE_SECONDS)
                await wait_any(stop, notified, timeout=timeout)
                if not notified.is_set():
                    self._changed = None

    @abstractmethod
    async def run_once(self, among: Collection[int] | None = None) -> int | None:
        """Act on one of these batches, or on any if None. Return the id of the batch; None if nothing was to do."""

    def _note(self, payload: str) -> None:
        if not payload.isdecimal():
            self._changed = None
        elif self._changed is not None:
            self._changed.add(int(payload))
