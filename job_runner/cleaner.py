"""Retention: removes submissions, dead letters and mails that are too old, in batches, objects before rows.

Suppressions and API keys are never removed (docs/operations.md).
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from job_runner.mailers.base import Mailer
from job_runner.output_keys import outputs_of
from shared.broker.base import DEAD_QUEUE
from shared.database.connection import Connection, Database, Record
from shared.errors import TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

_BATCH: Final = 200
_INTERVAL_SECONDS: Final = 600.0

# A submission is never old while its request, its job or its mail is under way.
_OLD: Final = """
    SELECT id, object_key FROM uploads u
    WHERE created_at < now() - make_interval(days => :days) AND request_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM job WHERE upload = u.id AND status IN ('none-executed', 'executing'))
        AND NOT EXISTS (SELECT 1 FROM emails WHERE upload = u.id AND status IN ('queued', 'sending'))
        AND NOT EXISTS (SELECT 1 FROM webhooks WHERE upload = u.id AND status = 'pending')
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
"""

# For Postgres as the broker. The operator drops dead letters of RabbitMQ.
_DELETE_DEAD_LETTERS: Final = """
    DELETE FROM messages USING (
        SELECT id FROM messages WHERE queue = :queue AND visible_at < now() - make_interval(days => :days)
        FOR UPDATE SKIP LOCKED
    ) AS old WHERE messages.id = old.id
"""


class Cleaner:
    """Removes submissions older than `days`, with their jobs, results, mails and files; 0 keeps them indefinitely."""

    def __init__(self, database: Database, store: ObjectStore, mailer: Mailer, *, days: int) -> None:
        self._database = database
        self._store = store
        self._mailer = mailer
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
        """Remove one batch, and return the number of submissions removed.

        A crash between the objects and the rows leaves rows without files. The next round removes them.
        """
        await self._remove_past_budgets()
        if not self._days:
            return 0
        await self._mailer.forget(days=self._days)
        async with self._database.transaction() as connection:
            await connection.execute(_DELETE_DEAD_LETTERS, {"queue": DEAD_QUEUE, "days": self._days})
            old = await connection.fetch_all(_OLD, {"days": self._days, "limit": _BATCH})
            if old:
                await self._remove(connection, old)
        if old:
            log.info("submissions.removed", count=len(old), older_than_days=self._days)
        return len(old)

    async def _remove_past_budgets(self) -> None:
        """Remove the budgets that are not in use any more: no row means the same."""
        # A row that a request has locked is left to the next round, because waiting for it could cause a deadlock.
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM budgets USING (SELECT subject FROM budgets WHERE used_until < now()"
                " FOR UPDATE SKIP LOCKED) AS past WHERE budgets.subject = past.subject"
            )

    async def _remove(self, connection: Connection, old: Sequence[Record]) -> None:
        ids = {"ids": [row["id"] for row in old]}
        outputs = await connection.fetch_all(
            "SELECT output_key FROM results WHERE upload = ANY(:ids) AND output_key IS NOT NULL", ids
        )
        keys = [row["object_key"] for row in old if row["object_key"]]
        for key in (*keys, *(row["output_key"] for row in outputs)):
            await self._store.delete(key)
        # Only a job of several attempts can have an output without a result.
        repeated = await connection.fetch_all("SELECT id FROM job WHERE upload = ANY(:ids) AND attempt > 1", ids)
        for row in repeated:
            await self._store.delete_prefix(outputs_of(row["id"]))
        jobs = "SELECT id FROM job WHERE upload = ANY(:ids)"
        for statement in (
            f"DELETE FROM emails WHERE job IN ({jobs})",  # noqa: S608
            f"DELETE FROM results WHERE job IN ({jobs})",  # noqa: S608
            "DELETE FROM job WHERE upload = ANY(:ids)",
            "DELETE FROM uploads WHERE id = ANY(:ids)",
        ):
            await connection.execute(statement, ids)
