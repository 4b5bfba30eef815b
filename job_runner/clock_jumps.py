"""Corrects rows that wait for a time of the database's clock before it was set back.

A promoted standby may have a clock that is behind. What was due at once on the old primary would wait until the new
clock gets there, and the leases of dead processes would last that much longer (ADR 142). Such a row was last changed at
a time that the clock has not reached yet, so no other row is touched.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from job_runner.emails.sender import LEASE_SECONDS as OF_MAILS
from job_runner.webhooks.sender import LEASE_SECONDS as OF_WEBHOOKS
from shared import channels, metrics
from shared.database.connection import Connection, Database
from shared.errors import DatabaseUnavailable
from shared.lifecycle import wait_any
from shared.logging import get_logger

log = get_logger(__name__)

_INTERVAL_SECONDS: Final = 10.0


def _correct(table: str, early: str, change: str, *, notifies: bool = True) -> str:
    """Return the SQL that makes a change to the `early` rows of a table. It skips rows that others lock."""
    return f"""
        WITH early AS (SELECT id FROM {table} WHERE {early} FOR NO KEY UPDATE SKIP LOCKED)
        UPDATE {table} SET {change} FROM early WHERE {table}.id = early.id
        RETURNING {table}.id{", pg_notify(:channel, '')" if notifies else ""}
    """  # noqa: S608  (constants)


_LEASE_END: Final = "now() + make_interval(secs => :lease_seconds)"
_JOBS: Final = _correct(
    "job",
    "status = 'none-executed' AND run_after > now() AND coalesce(started_at, created_at) > now()",
    "run_after = now()",
)
_LEASES_OF_JOBS: Final = _correct(
    "job",
    f"status = 'executing' AND started_at > now() AND lease_expires_at > {_LEASE_END}",
    f"lease_expires_at = {_LEASE_END}",
    notifies=False,
)
_MAILS: Final = _correct(
    "emails", "status = 'queued' AND run_after > now() AND updated_at > now()", "run_after = now()"
)
_LEASES_OF_MAILS: Final = _correct(
    "emails",
    f"status = 'sending' AND updated_at > now() AND lease_expires_at > {_LEASE_END}",
    f"lease_expires_at = {_LEASE_END}",
    notifies=False,
)
# `run_after` of a webhook that is being delivered is the end of its lease. One that failed keeps its time.
_WEBHOOK_DUE: Final = f"CASE WHEN lease_id IS NULL THEN now() ELSE {_LEASE_END} END"
_WEBHOOKS: Final = _correct(
    "webhooks",
    "status = 'pending' AND created_at > now() AND (attempt = 0 OR lease_id IS NOT NULL)"
    f" AND run_after > {_WEBHOOK_DUE}",
    f"run_after = {_WEBHOOK_DUE}",
)


class ClockJumps:
    """Looks every ten seconds whether the clock was set back. Every runner has one, and they do not conflict."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        """`lease_seconds` is that of the jobs."""
        self._database = database
        #: The latest time of the clock that was seen.
        self._latest: datetime | None = None
        self._statements: Mapping[str, tuple[str, Mapping[str, object]]] = {
            "jobs": (_JOBS, {"channel": channels.JOBS}),
            "leases of jobs": (_LEASES_OF_JOBS, {"lease_seconds": lease_seconds}),
            "mails": (_MAILS, {"channel": channels.EMAILS}),
            "leases of mails": (_LEASES_OF_MAILS, {"lease_seconds": OF_MAILS}),
            "webhooks": (_WEBHOOKS, {"channel": channels.WEBHOOKS, "lease_seconds": OF_WEBHOOKS}),
        }

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.run_once()
            except DatabaseUnavailable as exc:
                log.warning("clock.waiting", error=str(exc), next_try_s=_INTERVAL_SECONDS)
            await wait_any(stop, timeout=_INTERVAL_SECONDS)

    async def run_once(self) -> dict[str, int]:
        """Correct all early rows, and return how many of each kind there were. After the first call, it looks for them
        only while the clock has not reached a time that was seen before."""
        corrected: dict[str, int] = {}
        async with self._database.connection() as connection:
            if await self._goes_on(connection):
                return corrected
            for what, (statement, values) in self._statements.items():
                if rows := await connection.fetch_all(statement, dict(values)):
                    corrected[what] = len(rows)
        metrics.CLOCK_SET_BACK.inc(sum(corrected.values()))
        if corrected:
            log.warning("clock.set_back", **corrected)
        return corrected

    async def _goes_on(self, connection: Connection) -> bool:
        """Return True if the clock is not behind a time that was seen; False at the first look."""
        row = await connection.fetch_one("SELECT now() AS now")
        assert row is not None
        now: datetime = row["now"]
        before, self._latest = self._latest, max(self._latest or now, now)
        return before is not None and now >= before
