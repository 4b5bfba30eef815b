"""The lease protocol on `webhooks` rows.

A row stays `pending` until its delivery ends. A claim moves `run_after` to the end of its lease, so the webhook of a
sender that died is due again by itself, and the attempt that was lost is not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.adapters.database.connection import Connection
from shared.common.text.strip_nul import strip_nul
from shared.records.judge0.callbacks import CALLBACK

#: Characters kept of an error.
_ERROR_LENGTH: Final = 500

_MARK_GONE: Final = """
    WITH ended AS MATERIALIZED (
        SELECT upload, batch, url FROM webhooks WHERE id = :id AND lease_id = :lease_id
    ), waiting AS MATERIALIZED (
        SELECT webhooks.id FROM webhooks
        JOIN ended ON webhooks.upload = ended.upload AND webhooks.url = ended.url OR webhooks.batch = ended.batch
        WHERE webhooks.status = 'pending' ORDER BY webhooks.id FOR UPDATE OF webhooks
    )
    UPDATE webhooks SET status = 'gone', last_status = :status, last_error = :error, lease_id = NULL
    FROM waiting WHERE webhooks.id = waiting.id
"""


@dataclass(frozen=True, slots=True)
class ClaimedWebhook:
    """A webhook under our lease. `attempt` counts this try, from 1. `body` is None until it has been rendered."""

    id: int
    message_id: UUID
    owner: int | None
    upload: int | None
    run: int | None
    batch: int | None
    type: str
    url: str
    host: str
    body: str | None
    attempt: int
    lease_id: UUID
    created_at: datetime

    @property
    def message(self) -> str:
        """The id that the receiver sees; the same at each attempt."""
        return f"msg_{self.message_id.hex}"


# One step in the index for each host, so the many webhooks of a slow host cost nothing.
_HOSTS: Final = """
    hosts AS (
        (SELECT host FROM webhooks WHERE status = 'pending' ORDER BY host LIMIT 1)
        UNION ALL
        SELECT (SELECT host FROM webhooks WHERE status = 'pending' AND host > hosts.host ORDER BY host LIMIT 1)
        FROM hosts WHERE hosts.host IS NOT NULL
    )
"""
# The key with the fewest deliveries under way comes first, so one with many slow hosts delays no other.
_CLAIM: Final = f"""
    WITH RECURSIVE {_HOSTS}, busy_hosts AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:hosts AS text[]), CAST(:of_hosts AS int[])) AS one (host, number)
    ), busy_owners AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:owners AS bigint[]), CAST(:of_owners AS int[])) AS one (owner, number)
    ), due AS MATERIALIZED (
        SELECT one.id, row_number() OVER (PARTITION BY one.owner ORDER BY one.run_after, one.id)
            + coalesce((SELECT number FROM busy_owners WHERE busy_owners.owner = coalesce(one.owner, 0)), 0) AS turn,
            one.run_after
        FROM hosts CROSS JOIN LATERAL (
            SELECT id, owner, run_after FROM webhooks
            WHERE status = 'pending' AND webhooks.host = hosts.host AND run_after <= now()
            ORDER BY run_after, id
            LIMIT greatest(0, :per_host
                - coalesce((SELECT number FROM busy_hosts WHERE busy_hosts.host = hosts.host), 0))
        ) AS one
        ORDER BY turn, one.run_after LIMIT :limit
    ), taken AS MATERIALIZED (
        SELECT id FROM webhooks
        WHERE id IN (SELECT id FROM due) AND status = 'pending' AND run_after <= now()
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE webhooks SET lease_id = gen_random_uuid(), attempt = attempt + CASE WHEN lease_id IS NULL THEN 1 ELSE 0 END,
        run_after = now() + make_interval(secs => :lease_seconds)
    FROM taken WHERE webhooks.id = taken.id
    RETURNING webhooks.id, message_id, owner, upload, run, batch, type, url, host, body, attempt, lease_id, created_at
"""  # noqa: S608  (constants)
_NEXT_DUE: Final = f"""
    WITH RECURSIVE {_HOSTS}
    SELECT coalesce(CAST(extract(epoch FROM min(run_after) - now()) AS float8), 'Infinity')
    FROM hosts CROSS JOIN LATERAL (
        SELECT run_after FROM webhooks WHERE status = 'pending' AND webhooks.host = hosts.host AND run_after > now()
        ORDER BY run_after LIMIT 1
    ) AS one
"""  # noqa: S608

#: A webhook whose next attempt is farther away has just failed. After the second failure it waits for 270 to 330 s.
_MAX_WAIT_S: Final = 265
#: A few at a time, and each of them once: a receiver may answer some webhooks and never others, or be down again.
#: Of the host's next webhooks only a thousand are read: no index has the URL, and each webhook may have its own.
_BRING_FORWARD: Final = """
    WITH waiting AS MATERIALIZED (
        SELECT id FROM (
            SELECT id, url, type, attempt, last_status, lease_id FROM webhooks
            WHERE status = 'pending' AND host = :host
                AND run_after > now() AND run_after < now() + make_interval(secs => :seconds)
            ORDER BY run_after, id LIMIT 1000
        ) AS upcoming
        WHERE url = :url AND attempt = 2 AND last_status IS NULL AND lease_id IS NULL AND type <> :callback LIMIT 4
    ), taken AS MATERIALIZED (
        SELECT id FROM webhooks
        WHERE id IN (SELECT id FROM waiting)
            AND status = 'pending' AND attempt = 2 AND lease_id IS NULL AND run_after > now()
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE webhooks SET run_after = now() FROM taken WHERE webhooks.id = taken.id
"""


async def claim(
    connection: Connection,
    *,
    limit: int,
    per_host: int,
    lease_seconds: float,
    busy_hosts: Mapping[str, int],
    busy_owners: Mapping[int, int],
) -> list[ClaimedWebhook]:
    """Take up to `limit` due webhooks under new leases. With those under way, a host gets at most `per_host`."""
    rows = await connection.fetch_all(
        _CLAIM,
        {
            "limit": limit,
            "per_host": per_host,
            "lease_seconds": lease_seconds,
            "hosts": list(busy_hosts),
            "of_hosts": list(busy_hosts.values()),
            "owners": list(busy_owners),
            "of_owners": list(busy_owners.values()),
        },
    )
    return [ClaimedWebhook(**dict(row)) for row in rows]


async def seconds_until_due(connection: Connection) -> float:
    """Return the seconds until the next webhook that is not due yet; infinity if no webhook waits."""
    return float(await connection.fetch_value(_NEXT_DUE))


async def keep_body(connection: Connection, webhook: ClaimedWebhook, body: str) -> bool:
    """Store the body of a webhook, for all attempts. Return False if the lease is lost."""
    return await _write(connection, webhook, "body = :body", body=body)


async def mark_delivered(connection: Connection, webhook: ClaimedWebhook, status: int) -> None:
    change = "status = 'delivered', delivered_at = now(), last_status = :status, last_error = NULL, lease_id = NULL"
    await _write(connection, webhook, change, status=status)


async def bring_forward(connection: Connection, webhook: ClaimedWebhook) -> None:
    """Make a few webhooks to the same URL due at once, if their second attempt had no answer. It answers again.

    Without this, they would wait for five minutes after an outage of some seconds.
    """
    values = {"host": webhook.host, "url": webhook.url, "callback": CALLBACK, "seconds": _MAX_WAIT_S}
    await connection.execute(_BRING_FORWARD, values)


async def mark_failed(connection: Connection, webhook: ClaimedWebhook, *, status: int | None, error: str) -> None:
    """Mark a webhook that is not tried again."""
    change = "status = 'failed', last_status = :status, last_error = :error, lease_id = NULL"
    await _write(connection, webhook, change, status=status, error=_kept(error))


async def mark_gone(connection: Connection, webhook: ClaimedWebhook, *, status: int, error: str) -> None:
    """Mark a webhook whose receiver wants no more, and the waiting ones of the same submission or batch."""
    await connection.execute(
        _MARK_GONE, {"id": webhook.id, "lease_id": webhook.lease_id, "status": status, "error": _kept(error)}
    )


async def retry_later(
    connection: Connection, webhook: ClaimedWebhook, *, delay: float, status: int | None, error: str
) -> None:
    """Give a webhook back, due in `delay` seconds."""
    change = "run_after = now() + make_interval(secs => :delay), last_status = :status, last_error = :error"
    await _write(connection, webhook, f"{change}, lease_id = NULL", delay=delay, status=status, error=_kept(error))


async def release(connection: Connection, webhook: ClaimedWebhook) -> None:
    """Give a webhook back that was not tried to the end, due at once."""
    await _write(connection, webhook, "run_after = now(), attempt = attempt - 1, lease_id = NULL")


async def _write(connection: Connection, webhook: ClaimedWebhook, change: str, **values: object) -> bool:
    """Write one row, fenced by its lease, which has no index. Return False if the lease is lost."""
    row = await connection.fetch_one(
        f"UPDATE webhooks SET {change} WHERE id = :id AND lease_id = :lease_id RETURNING id",  # noqa: S608
        {"id": webhook.id, "lease_id": webhook.lease_id, **values},
    )
    return row is not None


def _kept(error: str) -> str:
    return strip_nul(error)[:_ERROR_LENGTH]
