"""The outbox relay: moves committed outbox rows to the broker. Any number may run beside one another."""

import asyncio
import random
from typing import Final

from shared import metrics, outbox
from shared.broker.base import Broker
from shared.database.connection import Database
from shared.errors import TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.retry import RetryPolicy

log = get_logger(__name__)

_BATCH: Final = 500
#: How long a row may lie that nobody woke us for: its API process died right after the commit.
_POLL_SECONDS: Final = 1.0
#: The first row goes at once; those that follow it closely travel together, which costs little of it each.
_PACE_SECONDS: Final = 0.005


class Relay:
    """`wake` is to be set after a commit that wrote an outbox row; it only spares the wait."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._policy = RetryPolicy(base=0.2, cap=10)
        self._rng = random.Random()  # noqa: S311
        self.wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            self.wake.clear()
            try:
                left = await self.run_once()
            except TransientError as exc:
                failures += 1
                delay = self._policy.delay(failures, self._rng)
                log.warning("outbox.waiting", error=str(exc), next_try_s=round(delay, 1))
                await wait_any(stop, timeout=delay)
                continue
            failures = 0
            if not left:
                await asyncio.sleep(_PACE_SECONDS)
                await wait_any(stop, self.wake, timeout=_POLL_SECONDS)

    async def run_once(self) -> bool:
        """Publish one batch; True when there is likely more.

        The rows stay locked until the broker has confirmed them. A crash after the confirm and before the commit
        publishes them again, under the same message ids, which the consumer knows.
        """
        async with self._database.transaction() as connection:
            rows = await outbox.take(connection, _BATCH)
            if not rows:
                return False
            confirmed = await self._broker.publish([row.message for row in rows])
            sent = [row.id for row, taken in zip(rows, confirmed, strict=True) if taken]
            await outbox.remove(connection, sent)
        metrics.OUTBOX_PUBLISHED.inc(len(sent))
        if len(sent) < len(rows):
            log.error("outbox.refused", messages=len(rows) - len(sent))
            return False
        return len(rows) == _BATCH
