"""The outbox: requests of runs, written in the same transaction as the change that they announce.

This module handles the rows. `api_service.background.outbox_publisher` publishes them to RabbitMQ. Without it, the
consumer takes them itself (`queue_consumer.outbox_consumer`).
"""

from collections.abc import Sequence
from typing import Final

from shared.adapters.broker.base import QUEUE, Message
from shared.adapters.database.connection import Connection

_TAKE: Final = """
    SELECT id, body, headers ->> 'message_id' AS message_id FROM outbox WHERE failure IS NULL
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_REMOVE: Final = "DELETE FROM outbox WHERE id = ANY(:ids)"


def adding(requested: str) -> str:
    """Return the SQL that requests a run of each row of `requested`, which has the `id` and `request_id` of uploads."""
    return f"""
        INSERT INTO outbox (queue, body, headers)
        SELECT '{QUEUE}', CAST(id AS text), jsonb_build_object('message_id', CAST(request_id AS text)) FROM {requested}
    """  # noqa: S608  (constants)


async def take(connection: Connection, limit: int) -> dict[int, Message]:
    """Lock the oldest rows that no other publisher holds, until the transaction ends. Return messages by their rows."""
    rows = await connection.fetch_all(_TAKE, {"limit": limit})
    return {row["id"]: Message(row["body"].encode(), row["message_id"]) for row in rows}


async def remove(connection: Connection, ids: Sequence[int]) -> None:
    await connection.execute(_REMOVE, {"ids": list(ids)})
