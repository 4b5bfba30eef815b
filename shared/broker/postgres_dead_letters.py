"""Dead letters of the broker on Postgres: rows of `messages`, named by their ids."""

from collections.abc import Collection

from shared import channels
from shared.broker.base import DEAD_QUEUE, QUEUE
from shared.broker.dead_letters import DeadLetter, Depth
from shared.database.connection import Database, Record


class PostgresDeadLetters:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def depths(self) -> dict[str, Depth]:
        async with self._database.transaction() as connection:
            rows = await connection.fetch_all(
                "SELECT queue, count(*) AS messages,"
                " min(CASE WHEN queue = :dead THEN visible_at ELSE created_at END) AS oldest_at"
                " FROM messages GROUP BY queue",
                {"dead": DEAD_QUEUE},
            )
        found = {row["queue"]: Depth(row["messages"], row["oldest_at"]) for row in rows}
        return {queue: found.get(queue, Depth(0)) for queue in (QUEUE, DEAD_QUEUE)}

    async def read(self, *, limit: int) -> list[DeadLetter]:
        async with self._database.transaction() as connection:
            rows = await connection.fetch_all(
                "SELECT id, body, message_id, headers ->> 'reason' AS reason, visible_at FROM messages"
                " WHERE queue = :queue ORDER BY visible_at, id LIMIT :limit",
                {"queue": DEAD_QUEUE, "limit": limit},
            )
        return [_letter(row) for row in rows]

    async def replay(self, keys: Collection[str]) -> list[DeadLetter]:
        async with self._database.transaction() as connection:
            # The row itself moves, so there is never a copy.
            rows = await connection.fetch_all(
                "WITH dead AS MATERIALIZED ("
                "SELECT id, body, message_id, headers ->> 'reason' AS reason, visible_at FROM messages"
                " WHERE queue = :dead AND id = ANY(:ids) ORDER BY id FOR UPDATE)"
                ", moved AS (UPDATE messages SET queue = :queue, attempt = 0, visible_at = now(),"
                " headers = headers - 'reason' FROM dead WHERE messages.id = dead.id)"
                " SELECT * FROM dead ORDER BY id",
                {"dead": DEAD_QUEUE, "queue": QUEUE, "ids": _ids(keys)},
            )
            await connection.execute("SELECT pg_notify(:channel, '')", {"channel": channels.MESSAGES})
        return [_letter(row) for row in rows]

    async def drop(self, keys: Collection[str]) -> list[DeadLetter]:
        async with self._database.transaction() as connection:
            rows = await connection.fetch_all(
                "WITH dropped AS MATERIALIZED ("
                "SELECT id FROM messages WHERE queue = :dead AND id = ANY(:ids) ORDER BY id FOR UPDATE)"
                " DELETE FROM messages USING dropped WHERE messages.id = dropped.id"
                " RETURNING messages.id, body, message_id, headers ->> 'reason' AS reason, visible_at",
                {"dead": DEAD_QUEUE, "ids": _ids(keys)},
            )
        return sorted((_letter(row) for row in rows), key=lambda letter: int(letter.key))


def _letter(row: Record) -> DeadLetter:
    # A message that is moved to the dead queue becomes visible there at that moment.
    return DeadLetter(str(row["id"]), row["body"], row["message_id"], row["reason"], row["visible_at"])


def _ids(keys: Collection[str]) -> list[int]:
    return [int(key) for key in keys if key.isascii() and key.isdigit() and int(key) < 1 << 63]
