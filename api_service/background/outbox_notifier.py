"""Wakes the consumers of the outbox after a commit, in installations without RabbitMQ.

A NOTIFY inside the request's own transaction would make all such commits wait for one another
(https://www.postgresql.org/docs/current/sql-notify.html), and it would be one for each request.
"""

import asyncio
from typing import Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Seconds to wait after a notification. The first goes at once, and those that follow closely become one.
_PACE_SECONDS: Final = 0.005


class OutboxNotifier:
    """Notifies the consumers. Set `wake` after a commit that wrote a row; else they find it by polling."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await wait_any(stop, self.wake)
            if not self.wake.is_set():
                continue
            self.wake.clear()
            try:
                async with self._database.connection() as connection:
                    await connection.notify(channels.OUTBOX)
            except TransientError as exc:
                log.warning("outbox.not_announced", error=str(exc))
            await asyncio.sleep(_PACE_SECONDS)
