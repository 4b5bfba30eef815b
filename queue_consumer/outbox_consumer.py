"""Consumes the outbox directly, in installations without RabbitMQ: by SKIP LOCKED and NOTIFY.

A batch is handled inside the transaction that holds its rows locked. The handler's own `database.transaction()` is a
savepoint of it, so a job and the removal of its row commit together. A crash rolls both back, and the row is available
again at once. A row that can make no job stays, with the reason, as a dead letter
(`shared.adapters.broker.outbox_dead_letters`).

A crash rolls back the count of attempts too. A consumer that starts may have crashed before, so it takes its first rows
one by one, and counts each attempt beforehand. So a row that kills consumers becomes a dead letter.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.adapters.broker.base import MAX_BREAK, Ack, Delivery, Handler, Reject, Retry, Settlement
from shared.adapters.broker.handling import DELIVERY_LIMIT, settle_batch
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database, Record
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable, TransientError
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.common.text.strip_nul import strip_nul

log = get_logger(__name__)

_BATCH: Final = 100
#: Seconds to wait after a batch. The first row goes at once, and those that follow closely are cheaper as one batch.
_PACE_SECONDS: Final = 0.005

_DUE: Final = "failure IS NULL AND (run_after IS NULL OR run_after <= now())"
# The transaction ends without waiting for the disk. If a crash of the server undoes it, it does so as a whole, and the
# rows are due again. A transaction that has seen its jobs commits later, so it does not survive if this one is undone.
_ROW: Final = """
    id, body, headers ->> 'message_id' AS message_id, attempt, set_config('synchronous_commit', 'off', true)
"""
_TAKE: Final = f"SELECT {_ROW} FROM outbox WHERE {_DUE} ORDER BY id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED"  # noqa: S608
_TAKE_COUNTED: Final = f"SELECT {_ROW} FROM outbox WHERE id = :id AND {_DUE} FOR UPDATE SKIP LOCKED"  # noqa: S608
_COUNT: Final = f"""
    WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE {_DUE} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE outbox SET attempt = attempt + 1 FROM due WHERE outbox.id = due.id RETURNING outbox.id
"""  # noqa: S608
_UNCOUNT: Final = "UPDATE outbox SET attempt = attempt - 1 WHERE id = :id AND failure IS NULL"
_REMOVE: Final = "DELETE FROM outbox WHERE id = ANY(:ids)"
_RETRY: Final = "UPDATE outbox SET attempt = :attempt, run_after = clock_timestamp() + :delay WHERE id = :id"
_BURY: Final = "UPDATE outbox SET failure = :reason, failed_at = clock_timestamp() WHERE id = :id"
_NEXT_DUE: Final = """
    SELECT coalesce(CAST(extract(epoch FROM min(run_after) - now()) AS float8), 'Infinity') FROM outbox
    WHERE failure IS NULL AND run_after > now()
"""


class OutboxConsumer:
    """The outbox as a source of deliveries. A lost notification costs up to `poll_interval` seconds."""

    def __init__(self, database: Database, *, poll_interval: float = 1.0, policy: RetryPolicy | None = None) -> None:
        self._database = database
        self._poll_interval = poll_interval
        self._policy = policy or RetryPolicy(base=1.0, cap=30.0)

    async def consume(self, handle: Handler, stop: asyncio.Event) -> None:
        failures = 0
        carefully = _BATCH
        async with self._database.listen(channels.OUTBOX) as notified:
            while not stop.is_set():
                # Cleared before the query, so that a row after the query sets it again.
                notified.clear()
                try:
                    if carefully > 0:
                        carefully -= 1
                        more = await self._consume_counted(handle)
                    else:
                        more = await self._consume_batch(handle)
                    idle_s = 0.0 if more else await self._seconds_until_due()
                except TransientError as exc:
                    failures += 1
                    delay = self._policy.capped(MAX_BREAK).delay(failures, at_least=exc.retry_after)
                    event = "outbox.lost" if isinstance(exc, DatabaseUnavailable) else "outbox.handler_waits"
                    log.warning(event, error=str(exc), next_try_s=round(delay, 1))
                    await wait_any(stop, timeout=delay)
                    continue
                failures = 0
                if idle_s > 0:
                    await asyncio.sleep(_PACE_SECONDS)
                    await wait_any(notified, stop, timeout=idle_s)

    async def _consume_batch(self, handle: Handler) -> bool:
        """Handle and settle one batch. Return True if there may be more."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch_all(_TAKE)
            await self._settle_rows(connection, handle, [(row, row["attempt"] + 1) for row in rows])
        return len(rows) == _BATCH

    async def _consume_counted(self, handle: Handler) -> bool:
        """Consume one row, whose attempt is counted before it is handled. Return False if none is due."""
        counted = await self._database.call(Connection.fetch_one, _COUNT)
        if counted is None:
            return False
        try:
            async with self._database.transaction() as connection:
                # Another consumer may have been faster.
                rows = await connection.fetch_all(_TAKE_COUNTED, {"id": counted["id"]})
                await self._settle_rows(connection, handle, [(row, row["attempt"]) for row in rows])
        except TransientError:
            # A dependency is unavailable. The row did not cause that.
            await self._database.call(Connection.execute, _UNCOUNT, {"id": counted["id"]})
            raise
        return True

    async def _settle_rows(self, connection: Connection, handle: Handler, rows: Sequence[tuple[Record, int]]) -> None:
        """Handle rows with the numbers of their attempts, and remove, repeat or bury each."""
        deliveries: dict[int, Delivery] = {}
        for row, attempt in rows:
            if attempt <= DELIVERY_LIMIT + 1:
                deliveries[row["id"]] = Delivery(row["body"].encode(), row["message_id"], attempt)
            else:
                await _bury(connection, row["id"], row["message_id"], _without_success(attempt - 1))
        if not deliveries:
            return
        settlements = await settle_batch(self._in_savepoint(handle), list(deliveries.values()))
        done = []
        for (row_id, delivery), settlement in zip(deliveries.items(), settlements, strict=True):
            match settlement:
                case Ack():
                    done.append(row_id)
                case Reject(reason):
                    await _bury(connection, row_id, delivery.message_id, reason)
                case Retry() if delivery.attempt > DELIVERY_LIMIT:
                    await _bury(connection, row_id, delivery.message_id, _without_success(delivery.attempt))
                case Retry():
                    delay = timedelta(seconds=self._policy.delay(delivery.attempt))
                    await connection.execute(_RETRY, {"id": row_id, "attempt": delivery.attempt, "delay": delay})
        if done:
            await connection.execute(_REMOVE, {"ids": done})

    def _in_savepoint(self, handle: Handler) -> Handler:
        """Return `handle` in a savepoint, so that its failed statement does not abort the transaction that settles."""

        async def handle_in_savepoint(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
            async with self._database.transaction():
                return await handle(deliveries)

        return handle_in_savepoint

    async def _seconds_until_due(self) -> float:
        """Return the seconds until the next retry, at most the poll interval. Other consumers have what is due already.

        It comes after the commit of a batch, whose jobs need not wait for it.
        """
        return min(self._poll_interval, float(await self._database.call(Connection.fetch_value, _NEXT_DUE)))


def _without_success(attempts: int) -> str:
    return f"delivered {attempts} times without success"


async def _bury(connection: Connection, row_id: int, message_id: str | None, reason: str) -> None:
    # A reason may quote a hostile message.
    await connection.execute(_BURY, {"id": row_id, "reason": strip_nul(reason)})
    log.warning("outbox.dead_lettered", message_id=message_id, reason=reason)
