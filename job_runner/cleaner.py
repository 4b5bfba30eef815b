"""Retention: removes what is older than the operator wants to keep, objects first, in batches."""

import asyncio
from typing import Final

from shared.database import Database
from shared.errors import TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

_BATCH: Final = 200
_INTERVAL_SECONDS: Final = 600.0

# What is still under way is never old, whatever its age: a request, a job, or a mail.
_OLD: Final = """
    SELECT id, object_key FROM uploads u
    WHERE created_at < now() - make_interval(days => :days) AND request_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM job WHERE upload = u.id AND status IN ('none-executed', 'executing'))
        AND NOT EXISTS (SELECT 1 FROM job JOIN emails ON emails.job = job.id
            WHERE upload = u.id AND emails.status IN ('queued', 'sending'))
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
"""


class Cleaner:
    """`days` is the age at which a submission goes, with its jobs, results, mails and files."""

    def __init__(self, database: Database, store: ObjectStore, *, days: int) -> None:
        self._database = database
        self._store = store
        self._days = days

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            more = False
            try:
                more = await self.run_once() == _BATCH
            except TransientError as exc:
                log.warning("cleaner.waiting", error=str(exc), next_try_s=_INTERVAL_SECONDS)
            if not more:
                await wait_any(stop, timeout=_INTERVAL_SECONDS)

    async def run_once(self) -> int:
        """Remove one batch; returns how many submissions went.

        A crash after the objects and before the rows leaves rows whose files are gone; the next round finishes them.
        """
        async with self._database.transaction() as connection:
            old = await connection.fetch_all(_OLD, {"days": self._days, "limit": _BATCH})
            if old:
                ids = [row["id"] for row in old]
                outputs = await connection.fetch_all(
                    "SELECT output_key FROM results WHERE upload = ANY(:ids) AND output_key IS NOT NULL", {"ids": ids}
                )
                keys = [row["object_key"] for row in old if row["object_key"]]
                for key in (*keys, *(row["output_key"] for row in outputs)):
                    await self._store.delete(key)
                jobs = "SELECT id FROM job WHERE upload = ANY(:ids)"
                for statement in (
                    f"DELETE FROM emails WHERE job IN ({jobs})",  # noqa: S608
                    f"DELETE FROM results WHERE job IN ({jobs})",  # noqa: S608
                    "DELETE FROM job WHERE upload = ANY(:ids)",
                    "DELETE FROM uploads WHERE id = ANY(:ids)",
                ):
                    await connection.execute(statement, {"ids": ids})
            # A budget whose time has passed is as good as none. A row that a request holds is left to the next round,
            # because waiting for it out of order could be a deadlock.
            await connection.execute(
                "DELETE FROM budgets WHERE subject IN"
                " (SELECT subject FROM budgets WHERE used_until < now() FOR UPDATE SKIP LOCKED)"
            )
        if old:
            log.info("submissions.removed", count=len(old), older_than_days=self._days)
        return len(old)
