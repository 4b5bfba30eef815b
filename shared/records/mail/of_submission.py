"""Reads the mails of a submission as API v1 shows them. Their texts are not read."""

from typing import Final

from shared.adapters.database.connection import Connection
from shared.records.mail.mails import KIND
from shared.records.resources.models import Mail

# The fields of `Mail`.
_MAIL: Final = f"""
    e.id, {KIND}, coalesce(e.recipient, u.email) AS "to",
    coalesce(e.locale, u.spec ->> 'locale', 'en') AS locale, e.status AS state, e.attempt AS attempts,
    e.created_at, e.updated_at, e.sent_at, e.last_error
"""
# The digest of a batch belongs to each of the batch's submissions with its address.
_OF_SUBMISSION: Final = f"""
    SELECT {_MAIL} FROM emails e JOIN uploads u ON u.id = e.upload
    WHERE u.id = :upload AND (CAST(:before AS bigint) IS NULL OR e.id < :before)
    UNION ALL
    SELECT {_MAIL} FROM emails e JOIN uploads u ON u.batch = e.batch AND lower(u.email) = lower(e.recipient)
    WHERE u.id = :upload AND e.upload IS NULL AND (CAST(:before AS bigint) IS NULL OR e.id < :before)
    ORDER BY id DESC LIMIT :limit
"""  # noqa: S608  (constants)
_ONE: Final = f"SELECT {_MAIL} FROM emails e LEFT JOIN uploads u ON u.id = e.upload WHERE e.id = :id"  # noqa: S608


async def mails(
    connection: Connection, upload: int, *, limit: int, before: int | None = None
) -> tuple[list[Mail], int | None]:
    """Return up to `limit` mails of a submission, the newest first, and the id to go on from.

    That id is the next call's `before`; None if there are no more mails.
    """
    rows = await connection.fetch_all(_OF_SUBMISSION, {"upload": upload, "before": before, "limit": limit + 1})
    return [Mail(**row) for row in rows[:limit]], rows[limit - 1]["id"] if len(rows) > limit else None


async def mail(connection: Connection, number: int) -> Mail | None:
    """Return a mail; None if it does not exist."""
    row = await connection.fetch_one(_ONE, {"id": number})
    return Mail(**row) if row else None
