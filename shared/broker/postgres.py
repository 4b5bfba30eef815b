"""The broker on Postgres, for installations without RabbitMQ: the table `messages`, SKIP LOCKED and NOTIFY.

A batch is handled inside the transaction that holds its rows locked. The handler's own `database.transaction()` is a
savepoint of it, so the effect of a message and its removal commit together. A crash rolls both back, and the message
is available again at once.

A crash rolls back the count of deliveries too. A consumer that starts may have crashed before, so it takes its first
messages one by one, and counts each delivery beforehand. So a message that kills consumers becomes a dead letter.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared import channels
from shared.broker.base import (
    DEAD_QUEUE,
    LONGEST_BREAK,
    QUEUE,
    Ack,
    Delivery,
    Handler,
    Message,
    Reject,
    Retry,
    Settlement,
)
from shared.broker.handling import DELIVERY_LIMIT, settle_batch
from shared.database.connection import Connection, Database
from shared.errors import BrokerUnavailable, DatabaseUnavailable, TransientError
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.retry import RetryPolicy

log = get_logger(__name__)

BATCH: Final = 100

#: SQL that lets its transaction end without waiting for the disk. A crash of the server can undo such a transaction, as
#: a whole. A transaction that has seen its rows commits later, so it does not survive if this one is undone.
_COMMIT_AT_ONCE: Final = "set_config('synchronous_commit', 'off', true)"


class PostgresBroker:
    """The broker on Postgres. A lost notification costs up to `poll_interval` seconds. The caller closes `database`."""

    def __init__(self, database: Database, *, poll_interval: float = 10.0, policy: RetryPolicy | None = None) -> None:
        self._database = database
        self._poll_interval = poll_interval
        self._policy = policy or RetryPolicy(base=1.0, cap=30.0)

    async def publish(self, messages: Sequence[Message]) -> Sequence[bool]:
        """Publish the messages, as part of the calling task's transaction if there is one."""
        if not messages:
            return []
        try:
            async with self._database.connection() as connection:
                await connection.execute(
                    "WITH published AS (INSERT INTO messages (queue, body, message_id)"
                    " SELECT :queue, body, message_id"
                    " FROM unnest(CAST(:bodies AS bytea[]), CAST(:message_ids AS text[])) AS new (body, message_id))"
                    " SELECT pg_notify(:channel, '')",
                    {
                        "queue": QUEUE,
                        "channel": channels.MESSAGES,
                        "bodies": [message.body for message in messages],
                        "message_ids": [message.message_id for message in messages],
                    },
                )
        except DatabaseUnavailable as exc:
            raise BrokerUnavailable(f"the broker is in Postgres, and {exc}") from exc
        return [True] * len(messages)

    async def take_outbox(self, limit: int) -> int:
        """Move up to `limit` of the oldest outbox rows to the queue, and return their number.

        As outbox and queue are in one database, this takes one statement. Rows of another relay are left out.
        """
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                f"""
                WITH oldest AS MATERIALIZED (
                    SELECT id FROM outbox ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
                ), taken AS (
                    DELETE FROM outbox USING oldest WHERE outbox.id = oldest.id
                    RETURNING outbox.id, queue, body, headers ->> 'message_id' AS message_id
                ), published AS (
                    INSERT INTO messages (queue, body, message_id)
                    SELECT queue, convert_to(body, 'UTF8'), message_id FROM taken ORDER BY id RETURNING id
                )
                SELECT count(*) AS moved, CASE WHEN count(*) > 0 THEN pg_notify(:channel, '') END, {_COMMIT_AT_ONCE}
                FROM published
                """,  # noqa: S608  (a constant)
                {"limit": limit, "channel": channels.MESSAGES},
            )
        assert row is not None
        return int(row["moved"])

    async def consume(self, handle: Handler, stop: asyncio.Event) -> None:
        failures = 0
        carefully = BATCH
        async with self._database.listen(channels.MESSAGES) as notified:
            while not stop.is_set():
                # Cleared before the query, so that a message after the query sets it again.
                notified.clear()
                try:
                    if carefully > 0:
                        idle_for = await self._consume_one(handle)
                        carefully -= 1
                    else:
                        idle_for = await self._consume_batch(handle)
                except TransientError as exc:
                    failures += 1
                    delay = self._policy.capped(LONGEST_BREAK).delay(failures, at_least=exc.retry_after)
                    event = "broker.lost" if isinstance(exc, DatabaseUnavailable) else "broker.handler_waits"
                    log.warning(event, error=str(exc), next_try_s=round(delay, 1))
                    await wait_any(stop, timeout=delay)
                    continue
                failures = 0
                if idle_for > 0:
                    await wait_any(notified, stop, timeout=idle_for)

    async def close(self) -> None:
        """Do nothing: the caller closes the database."""

    async def _consume_batch(self, handle: Handler) -> float:
        """Handle and settle one batch. Return the seconds to wait for the next one, 0 if there may be more."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch_all(
                f"SELECT id, body, message_id, attempt, {_COMMIT_AT_ONCE} FROM messages"  # noqa: S608  (a constant)
                " WHERE queue = :queue AND visible_at <= now()"
                " ORDER BY visible_at, id LIMIT :limit FOR UPDATE SKIP LOCKED",
                {"queue": QUEUE, "limit": BATCH},
            )
            if rows:
                deliveries = [Delivery(row["body"], row["message_id"], row["attempt"] + 1) for row in rows]
                settlements = await settle_batch(self._within_savepoint(handle), deliveries)
                await self._settle(connection, [row["id"] for row in rows], deliveries, settlements)
        return 0.0 if len(rows) == BATCH else await self._seconds_until_due()

    async def _consume_one(self, handle: Handler) -> float:
        """Consume one message, and count its delivery before it is handled."""
        async with self._database.transaction() as connection:
            row = await connection.fetch_one(
                """
                WITH due AS MATERIALIZED (
                    SELECT id FROM messages WHERE queue = :queue AND visible_at <= now()
                    ORDER BY visible_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
                )
                UPDATE messages SET attempt = attempt + 1 FROM due WHERE messages.id = due.id RETURNING messages.id
                """,
                {"queue": QUEUE},
            )
        if row is None:
            return await self._seconds_until_due()
        try:
            async with self._database.transaction() as connection:
                await self._handle_counted(connection, row["id"], handle)
        except TransientError:
            # A dependency is unavailable. The message did not cause that.
            async with self._database.connection() as connection:
                await connection.execute(
                    "UPDATE messages SET attempt = attempt - 1 WHERE id = :id AND queue = :queue",
                    {"id": row["id"], "queue": QUEUE},
                )
            raise
        return 0.0

    async def _handle_counted(self, connection: Connection, row_id: int, handle: Handler) -> None:
        row = await connection.fetch_one(
            f"SELECT body, message_id, attempt, {_COMMIT_AT_ONCE} FROM messages"  # noqa: S608  (a constant)
            " WHERE id = :id AND queue = :queue AND visible_at <= now() FOR UPDATE SKIP LOCKED",
            {"id": row_id, "queue": QUEUE},
        )
        if row is None:  # another consumer was faster
            return
        delivery = Delivery(row["body"], row["message_id"], row["attempt"])
        if delivery.attempt > DELIVERY_LIMIT + 1:
            await _bury(connection, row_id, delivery, f"delivered {delivery.attempt - 1} times without success")
            return
        settlements = await settle_batch(self._within_savepoint(handle), [delivery])
        await connection.execute("UPDATE messages SET attempt = attempt - 1 WHERE id = :id", {"id": row_id})
        await self._settle(connection, [row_id], [delivery], settlements)

    async def _seconds_until_due(self) -> float:
        """Return the seconds until the next retry, at most the poll interval. Other consumers have what is due already.

        It comes after the commit of a batch, whose jobs need not wait for it.
        """
        async with self._database.connection() as connection:
            row = await connection.fetch_one(
                "SELECT CAST(extract(epoch FROM min(visible_at) - now()) AS float8) AS seconds FROM messages"
                " WHERE queue = :queue AND visible_at > now()",
                {"queue": QUEUE},
            )
        return min(self._poll_interval, row["seconds"]) if row and row["seconds"] is not None else self._poll_interval

    def _within_savepoint(self, handle: Handler) -> Handler:
        """Return `handle` in a savepoint, so that its failed statement does not abort the transaction that settles."""

        async def handle_in_savepoint(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
            async with self._database.transaction():
                return await handle(deliveries)

        return handle_in_savepoint

    async def _settle(
        self,
        connection: Connection,
        ids: Sequence[int],
        deliveries: Sequence[Delivery],
        settlements: Sequence[Settlement],
    ) -> None:
        acked = []
        for row_id, delivery, settlement in zip(ids, deliveries, settlements, strict=True):
            match settlement:
                case Ack():
                    acked.append(row_id)
                case Reject(reason):
                    await _bury(connection, row_id, delivery, reason)
                case Retry() if delivery.attempt > DELIVERY_LIMIT:
                    await _bury(connection, row_id, delivery, f"delivered {delivery.attempt} times without success")
                case Retry():
                    delay = self._policy.delay(delivery.attempt)
                    await connection.execute(
                        "UPDATE messages SET attempt = attempt + 1, visible_at = clock_timestamp() + :delay"
                        " WHERE id = :id",
                        {"id": row_id, "delay": timedelta(seconds=delay)},
                    )
        if acked:
            await connection.execute("DELETE FROM messages WHERE id = ANY(:ids)", {"ids": acked})


async def _bury(connection: Connection, row_id: int, delivery: Delivery, reason: str) -> None:
    await connection.execute(
        "UPDATE messages SET queue = :queue, visible_at = clock_timestamp(),"
        " headers = headers || jsonb_build_object('reason', CAST(:reason AS text)) WHERE id = :id",
        # Postgres cannot store NUL in a text, and a reason may quote a hostile message.
        {"id": row_id, "queue": DEAD_QUEUE, "reason": reason.replace("\0", "\N{REPLACEMENT CHARACTER}")},
    )
    log.warning("broker.dead_lettered", message_id=delivery.message_id, reason=reason)
