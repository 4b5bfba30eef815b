"""Does what is due once a minute while the API runs: records the minute's figures, and forgets what is old."""

import asyncio
from typing import Final

from api_service.background import metrics_history
from shared.database.connection import Database
from shared.resources.kept_answers import forget_old
from shared.service.errors import TransientError
from shared.service.lifecycle import wait_any
from shared.service.logging import get_logger

log = get_logger(__name__)

#: Seconds between two tries. Shorter than a minute, so that none is skipped.
_INTERVAL_SECONDS: Final = 20.0


async def keep_recording(database: Database, stop: asyncio.Event) -> None:
    """Record minutes until the service stops. Every API process does this, and one of them records a minute."""
    while not stop.is_set():
        try:
            async with database.transaction() as connection:
                if await metrics_history.record(connection):
                    await forget_old(connection)
        except TransientError as exc:
            log.warning("recorder.waiting", error=str(exc), next_try_s=_INTERVAL_SECONDS)
        await wait_any(stop, timeout=_INTERVAL_SECONDS)
