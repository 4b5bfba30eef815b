"""Publishes committed outbox rows to RabbitMQ. Any number of publishers may run at once."""

import asyncio
from typing import Final

from shared.adapters.broker import outbox
from shared.adapters.broker.base import Broker
from shared.adapters.database.connection import Database
from shared.common.service import metrics
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)

_BATCH: Final = 500
#: Seconds between two batches without a wake-up. An API process may die between its commit and its wake-up.
_POLL_SECONDS: Final = 1.0
#: Seconds to wait after a batch. The first row goes at once, and those that follow closely are cheaper as one batch.
_PACE_SECONDS: Final = 0.005


class OutboxPublisher:
    """Publishes outbox rows. Set `wake` after a commit that wrote one; else it is found by polling."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._policy = RetryPolicy(base=0.2, cap=10)
        self.wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            self.wake.clear()
            try:
                more = await self.run_once()
            except TransientError as exc:
                failures += 1
                delay = self._policy.delay(failures)
                log.warning("outbox.waiting", error=str(exc), next_try_s=round(delay, 1))
                await wait_any(stop, timeout=delay)
                continue
            failures = 0
            if not more:
                await asyncio.sleep(_PACE_SECONDS)
                await wait_any(stop, self.wake, timeout=_POLL_SECONDS)

    async def run_once(self) -> bool:
        """Publish one batch. Return True if there are likely more rows.

        The rows stay locked until the broker has confirmed them. After a crash between the confirm and the commit, they
        are published again under the same message ids, so the consumer recognises them.
        """
        async with self._database.transaction() as connection:
            rows = await outbox.take(connection, _BATCH)
            if not rows:
                return False
            confirmed = await self._broker.publish(list(rows.values()))
            sent = [row for row, is_confirmed in zip(rows, confirmed, strict=True) if is_confirmed]
            await outbox.remove(connection, sent)
        metrics.OUTBOX_PUBLISHED.inc(len(sent))
        if len(sent) < len(rows):
            log.error("outbox.refused", messages=len(rows) - len(sent))
            return False
        return len(rows) == _BATCH
