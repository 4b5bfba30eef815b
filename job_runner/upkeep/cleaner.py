"""Retention: removes submissions, batches, dead letters and mails that are too old, a few at a time.

It also removes objects that a crash has left: after the rows of their submission were removed, or before they were
stored; what no version of a problem needs; and files of Jobe's clients that have not been used for days.

Suppressions and API keys are never removed (docs/operations.md).
"""

import asyncio
from typing import Final

from job_runner.emails.mailers.base import Mailer
from job_runner.problems.removal import remove_unneeded
from job_runner.upkeep.orphans import Orphans
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.jobe.files import remove_unused_files
from shared.records.resources.remove import forgotten_objects, remove_batches, remove_objects, remove_rows

log = get_logger(__name__)

_BATCH: Final = 200
_INTERVAL_SECONDS: Final = 600.0

# A submission is never old while its request, its job, its batch, a mail or a webhook is under way.
_OLD: Final = """
    SELECT id FROM uploads u
    WHERE created_at < now() - make_interval(days => :days) AND request_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM job WHERE upload = u.id AND status IN ('none-executed', 'executing'))
        AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = u.batch AND finished_at IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM emails WHERE (upload = u.id OR batch = u.batch) AND status IN ('queued', 'sending')
        )
        AND NOT EXISTS (SELECT 1 FROM webhooks WHERE upload = u.id AND status = 'pending')
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
"""

# Batches whose submissions are all gone, with their digests and webhooks, once these have left.
_OLD_BATCHES: Final = """
    SELECT id FROM batches b
    WHERE created_at < now() - make_interval(days => :days)
        AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.batch = b.id)
        AND NOT EXISTS (SELECT 1 FROM emails WHERE emails.batch = b.id AND status IN ('queued', 'sending'))
        AND NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.batch = b.id AND status = 'pending')
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
"""


def _removal(table: str, key: str, condition: str) -> str:
    """Return the SQL that removes the rows `r` of a table, but for those that a request has locked.

    They are left to the next round, because waiting for them could cause a deadlock.
    """
    return f"""
        DELETE FROM {table} USING (SELECT {key} FROM {table} r WHERE {condition} FOR UPDATE SKIP LOCKED) AS old
        WHERE {table}.{key} = old.{key}
    """  # noqa: S608  (constants)


_IS_OLD: Final = "r.created_at < now() - make_interval(days => :days)"
_HAS_NEWER: Final = "EXISTS (SELECT FROM problem_checks n WHERE n.version = r.version AND n.id > r.id)"
_OLD_CHECKS: Final = _removal("problem_checks", "id", f"state = 'finished' AND {_IS_OLD} AND {_HAS_NEWER}")
_PAST_BUDGETS: Final = _removal("budgets", "subject", "used_until < now()")
# Mailgun repeats an event for eight hours, and one whose time is more than five minutes away is refused.
_MAILGUN_EVENTS: Final = _removal("mailgun_events", "token", "created_at < now() - interval '1 day'")
# Of installations without RabbitMQ. The operator drops dead letters of RabbitMQ.
_DEAD_LETTERS: Final = _removal("outbox", "id", "failed_at < now() - make_interval(days => :days)")


class Cleaner:
    """Removes submissions older than `days`, with their jobs, results, mails and files; 0 keeps them indefinitely."""

    def __init__(self, database: Database, store: ObjectStore, mailer: Mailer, *, days: int) -> None:
        self._database = database
        self._store = store
        self._mailer = mailer
        self._days = days
        self._orphans = Orphans(database, store)

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
        """Remove what is old of a few submissions, and return the number of submissions removed."""
        for statement in (_PAST_BUDGETS, _MAILGUN_EVENTS):
            await self._database.call(Connection.execute, statement)
        forgotten = await self._database.call(forgotten_objects, limit=_BATCH)
        await remove_objects(self._database, self._store, forgotten)
        await self._orphans.remove()
        await remove_unneeded(self._database, self._store)
        await remove_unused_files(self._database, self._store)
        if not self._days:
            return 0
        await self._mailer.forget(days=self._days)
        values = {"days": self._days, "limit": _BATCH}
        async with self._database.transaction() as connection:
            await connection.execute(_DEAD_LETTERS, {"days": self._days})
            await connection.execute(_OLD_CHECKS, {"days": self._days})
            old = await connection.fetch_all(_OLD, values)
            objects = await remove_rows(connection, [row["id"] for row in old]) if old else {}
        await remove_objects(self._database, self._store, objects)
        async with self._database.transaction() as connection:
            if batches := await connection.fetch_all(_OLD_BATCHES, values):
                await remove_batches(connection, [row["id"] for row in batches])
        if old:
            log.info("submissions.removed", count=len(old), older_than_days=self._days)
        return len(old)
