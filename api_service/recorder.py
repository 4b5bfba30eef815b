"""Records the figures of each minute while the API runs (`api_service.series`)."""

import asyncio
from typing import Final

from api_service import series
from shared.database.connection import Database
from shared.errors import TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger

log = get_logger(__name__)

#: Seconds between two tries. Shorter than a minute, so that none is skipped.
_INTERVAL_SECONDS: Final = 20.0


class Recorder:
    """Records minutes. Each API process has one, and one of them records a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._database.transaction() as connection:
                    await series.record(connection)
            except TransientError as exc:
                log.warning("recorder.waiting", error=str(exc), next_try_s=_INTERVAL_SECONDS)
            await wait_any(stop, timeout=_INTERVAL_SECONDS)
