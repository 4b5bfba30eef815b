"""The places in the queue of submissions that are being posted, without asking the database for each of them."""

import time
from typing import Final

from api_service.cached import CachedFor
from shared.adapters.database.connection import Database
from shared.records.resources.models import Queue
from shared.records.resources.queue_positions import Front, front

#: The front is read again after this many times as long as it took, so that it costs a hundredth of a processor.
_PAUSE: Final = 100
_MAX_PAUSE_SECONDS: Final = 1.0


class QueuePositions:
    """Knows the place of a key's next submission. Under load it is an estimate: what has started since is not known."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._front = CachedFor(_MAX_PAUSE_SECONDS, self._read)
        self._pause = 0.0

    async def next_place(self, owner: int) -> Queue:
        """Return the place of the submission that `owner` is about to post."""
        return (await self._front.get(self._pause)).next_place(owner)

    async def _read(self) -> Front:
        began = time.monotonic()
        read = await self._database.call(front)
        self._pause = min(_PAUSE * (time.monotonic() - began), _MAX_PAUSE_SECONDS)
        return read
