"""The outbox: requests of runs, written in the same transaction as the change that they announce.

This module handles the rows. `api_service.background.outbox_publisher` publishes them to RabbitMQ. Without it, the
consumer takes them itself (`queue_consumer.outbox_consumer`).
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shared.adapters.broker.base import QUEUE, Message
from shared.adapters.database.connection import Connection

_ADD: Final = """
    INSERT INTO outbox (queue, body, headers)
    VALUES (:queue, :body, jsonb_build_object('message_id', CAST(:message_id AS text)))
"""
_TAKE: Final = """
    SELECT id, body, headers ->> 'message_id' AS message_id FROM outbox WHERE failure IS NULL
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_REMOVE: Final = "DELETE FROM outbox WHERE id = ANY(:ids)"


async def add(connection: Connection, upload_id: int, request_id: UUID) -> None:
    """Request a run of one submission, in the caller's transaction."""
    await connection.execute(_ADD, {"queue": QUEUE, "body": str(upload_id), "message_id": str(request_id)})


async def take(connection: Connection, limit: int) -> dict[int, Message]:
    """Lock the oldest rows that no other publisher holds, until the transaction ends. Return messages by their rows."""
    rows = await connection.fetch_all(_TAKE, {"limit": limit})
    return {row["id"]: Message(row["body"].encode(), row["message_id"]) for row in rows}


async def remove(connection: Connection, ids: Sequence[int]) -> None:
    await connection.execute(_REMOVE, {"ids": list(ids)})
