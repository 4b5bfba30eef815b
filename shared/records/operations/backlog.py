"""Measures what waits in the database: how much, and since when. Each count uses a partial index of what waits."""

from dataclasses import dataclass
from typing import Final

from shared.adapters.database.connection import Connection

_MEASURE: Final = """
    SELECT place, depth, CAST(extract(epoch FROM now() - since) AS float8) AS oldest_s FROM (
        SELECT 'requested', count(*), min(requested_at) FROM uploads WHERE request_id IS NOT NULL
        UNION ALL SELECT 'outbox', count(*), min(created_at) FROM outbox WHERE failure IS NULL
        UNION ALL SELECT 'dead', count(*), min(failed_at) FROM outbox WHERE failure IS NOT NULL
        UNION ALL SELECT 'none-executed', count(*), min(created_at) FROM job WHERE status = 'none-executed'
        UNION ALL SELECT 'executing', count(*), min(started_at) FROM job WHERE status = 'executing'
        UNION ALL SELECT 'mails', count(*), min(created_at) FROM emails WHERE status = 'queued'
        UNION ALL SELECT 'sending', count(*), min(created_at) FROM emails WHERE status = 'sending'
        UNION ALL SELECT 'webhooks', count(*), min(created_at) FROM webhooks WHERE status = 'pending'
    ) AS waiting (place, depth, since)
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits in one place. `oldest_s` is the age of the oldest in seconds; None if nothing waits."""

    place: str
    depth: int
    oldest_s: float | None


async def measure(connection: Connection) -> list[Backlog]:
    """Return what waits, by place. RabbitMQ's queue is not among them, but `requested` counts its messages too."""
    return [Backlog(**row) for row in await connection.fetch_all(_MEASURE)]
