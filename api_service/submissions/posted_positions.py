"""The places in the queue of submissions that were posted just now, without asking the database for each of them."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cachetools import TTLCache

from shared.adapters.database.connection import Database
from shared.records.resources.models import Queue
from shared.records.resources.queue_positions import places

#: A place is asked for again after this many times as long as the question took, so that it costs a small part of all.
_PAUSE: Final = 20
_MAX_PAUSE_SECONDS: Final = 1.0
_CACHED_KEYS: Final = 10_000


@dataclass(slots=True)
class _Front:
    """The latest place of a key's submission, and the number of those that it has posted since."""

    position: int
    delay_s: float | None
    valid_until: float
    since: int = 0


class QueuePositions:
    """Knows the place of a key's next submission. Under load it is an estimate: what has started since is not known."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fronts: TTLCache[int | None, _Front] = TTLCache(_CACHED_KEYS, ttl=_MAX_PAUSE_SECONDS)

    async def of_posted(self, upload_id: int, owner: int | None) -> Queue | None:
        """Return the place of a submission that `owner` has posted just now; None if it does not wait any more."""
        front = self._fronts.get(owner)
        if front is None or time.monotonic() >= front.valid_until:
            return await self._ask(upload_id, owner)
        front.since += 1
        start = None if front.delay_s is None else datetime.now(UTC) + timedelta(seconds=front.delay_s)
        return Queue(position=front.position + front.since, estimated_start_at=start)

    async def _ask(self, upload_id: int, owner: int | None) -> Queue | None:
        began = time.monotonic()
        queue = (await self._database.call(places, [upload_id])).get(upload_id)
        if queue is not None:
            now = time.monotonic()
            start = queue.estimated_start_at
            delay_s = None if start is None else (start - datetime.now(UTC)).total_seconds()
            pause = min(_PAUSE * (now - began), _MAX_PAUSE_SECONDS)
            self._fronts[owner] = _Front(queue.position, delay_s, now + pause)
        return queue
