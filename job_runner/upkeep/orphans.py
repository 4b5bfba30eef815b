"""Removes source files that have no row: an API process died, or lost the database, between the two (ADR 1).

A file's row is committed seconds after the file was stored. A day is looked at when it has been over for a day, so no
file is removed whose row is still to come. Rows are found by the very key, so no clock decides what is removed.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.sources import FOLDER, folder_of
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_DAY: Final = timedelta(days=1)
#: Days that a new process looks at, because no other may have run on them.
_DAYS_BACK: Final = 7

_WITHOUT_ROW: Final = f"""
    SELECT key FROM unnest(CAST(:keys AS text[])) AS one (key)
    WHERE NOT EXISTS (
        -- The files of a judge have the key of their submission with an ending.
        SELECT FROM uploads WHERE object_key IN (key, regexp_replace(key, '[.](checker|interactor|unit_tests)$', ''))
            AND object_key LIKE '{FOLDER}/%'
    )
"""  # noqa: S608  (a constant)


def _today() -> date:
    return datetime.now(UTC).date()


class Orphans:
    """Looks at each day once."""

    def __init__(self, database: Database, store: ObjectStore, today: Callable[[], date] = _today) -> None:
        self._database = database
        self._store = store
        self._today = today
        self._next = self._last_day() - _DAYS_BACK * _DAY

    async def remove(self) -> None:
        """Remove the orphans of the days that have not been looked at yet."""
        while self._next <= self._last_day():
            async for keys in self._store.keys(folder_of(self._next)):
                for orphan in await self._database.call(Connection.fetch_all, _WITHOUT_ROW, {"keys": keys}):
                    await self._store.delete(orphan["key"])
                    log.warning("source.removed", key=orphan["key"], reason="no submission has this file")
            self._next += _DAY

    def _last_day(self) -> date:
        """Return the last day that has been over for a whole day."""
        return self._today() - 2 * _DAY
