"""Dead letters of an installation without RabbitMQ: outbox rows that can make no job, named by their ids."""

from collections.abc import Collection, Mapping
from typing import Final

from shared.adapters.broker.base import DEAD_QUEUE, QUEUE
from shared.adapters.broker.dead_letters import DeadLetter, Depth
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database

_LETTER: Final = "outbox.id, body, headers ->> 'message_id' AS message_id, failure, failed_at"

_DEPTH: Final = "SELECT count(*) AS dead, min(failed_at) AS since FROM outbox WHERE failure IS NOT NULL"
_READ: Final = f"SELECT {_LETTER} FROM outbox WHERE failure IS NOT NULL ORDER BY failed_at, id LIMIT :limit"  # noqa: S608
# The row itself comes to life again, so there is never a copy.
_REPLAY: Final = f"""
    WITH dead AS MATERIALIZED (
        SELECT {_LETTER} FROM outbox WHERE failure IS NOT NULL AND id = ANY(:ids) ORDER BY id FOR UPDATE
    ), revived AS (
        UPDATE outbox SET failure = NULL, failed_at = NULL, attempt = 0, run_after = NULL
        FROM dead WHERE outbox.id = dead.id
    )
    SELECT dead.*, pg_notify(:channel, '') FROM dead ORDER BY id
"""  # noqa: S608
_DROP: Final = f"""
    WITH dead AS MATERIALIZED (
        SELECT {_LETTER} FROM outbox WHERE failure IS NOT NULL AND id = ANY(:ids) ORDER BY id FOR UPDATE
    ), dropped AS (DELETE FROM outbox USING dead WHERE outbox.id = dead.id)
    SELECT * FROM dead ORDER BY id
"""  # noqa: S608


class OutboxDeadLetters:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def depths(self) -> dict[str, Depth]:
        [row] = await self._database.call(Connection.fetch_all, _DEPTH)
        # What waits is in the outbox itself: there is no other queue.
        return {QUEUE: Depth(0), DEAD_QUEUE: Depth(row["dead"], row["since"])}

    async def read(self, *, limit: int) -> list[DeadLetter]:
        return await self._letters(_READ, {"limit": limit})

    async def replay(self, keys: Collection[str]) -> list[DeadLetter]:
        return await self._letters(_REPLAY, {"ids": _ids(keys), "channel": channels.OUTBOX})

    async def drop(self, keys: Collection[str]) -> list[DeadLetter]:
        return await self._letters(_DROP, {"ids": _ids(keys)})

    async def _letters(self, sql: str, values: Mapping[str, object]) -> list[DeadLetter]:
        return [
            DeadLetter(str(row["id"]), row["body"].encode(), row["message_id"], row["failed_at"], row["failure"])
            for row in await self._database.call(Connection.fetch_all, sql, values)
        ]


def _ids(keys: Collection[str]) -> list[int]:
    return [int(key) for key in keys if key.isascii() and key.isdigit() and int(key) < 1 << 63]
