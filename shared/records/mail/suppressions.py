"""Suppressions: addresses that want no more mails.

A row keeps the address as its owner unsubscribed it, and its canonical form, which finds all spellings of it.
A row of an earlier release has no canonical form, and only its exact spelling finds it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.adapters.database.connection import Connection
from shared.common.text.email_addresses import canonical

#: The reason of addresses that an operator adds.
BY_OPERATOR: Final = "operator"

_ADD: Final = """
    INSERT INTO suppressions (email, canonical, reason) VALUES (:email, :canonical, :reason)
    ON CONFLICT (email) DO UPDATE SET canonical = excluded.canonical
"""
_SUPPRESSED: Final = """
    SELECT email, canonical FROM suppressions WHERE canonical = ANY(:canonicals) OR email = ANY(:emails)
"""
_LIST: Final = "SELECT email, reason, created_at FROM suppressions ORDER BY created_at, email"
_SEARCH: Final = """
    SELECT email, reason, created_at FROM suppressions WHERE strpos(lower(email), lower(:text)) > 0
    ORDER BY created_at DESC, email LIMIT :limit
"""
_REMOVE: Final = """
    WITH unwanted AS MATERIALIZED (
        SELECT email FROM suppressions
        WHERE (canonical = :canonical OR email = :email) AND reason = coalesce(:reason, reason)
        ORDER BY email FOR UPDATE
    )
    DELETE FROM suppressions USING unwanted WHERE suppressions.email = unwanted.email
    RETURNING suppressions.email, reason, created_at
"""


@dataclass(frozen=True, slots=True)
class Suppression:
    email: str
    reason: str
    created_at: datetime


async def add(connection: Connection, email: str, reason: str) -> None:
    await connection.execute(_ADD, {"email": email, "canonical": canonical(email), "reason": reason})


async def suppressed(connection: Connection, emails: Collection[str]) -> set[str]:
    """Return the given addresses to which nothing may be mailed."""
    by_canonical = {email: canonical(email) for email in emails}
    rows = await connection.fetch_all(
        _SUPPRESSED, {"canonicals": list(by_canonical.values()), "emails": list(by_canonical)}
    )
    unwanted = {row["canonical"] for row in rows} | {row["email"] for row in rows}
    return {email for email, form in by_canonical.items() if email in unwanted or form in unwanted}


async def listed(connection: Connection) -> list[Suppression]:
    """Return all suppressions, the oldest first."""
    rows = await connection.fetch_all(_LIST)
    return [Suppression(row["email"], row["reason"], row["created_at"]) for row in rows]


async def found(connection: Connection, text: str, *, limit: int) -> list[Suppression]:
    """Return the latest suppressions of addresses that contain the text, in upper or lower case."""
    rows = await connection.fetch_all(_SEARCH, {"text": text, "limit": limit})
    return [Suppression(row["email"], row["reason"], row["created_at"]) for row in rows]


async def remove(connection: Connection, email: str, reason: str | None = None) -> list[Suppression]:
    """Allow mails to an address again, in all its spellings; return the suppressions that were removed.

    With a reason, only suppressions for that reason are removed.
    """
    rows = await connection.fetch_all(_REMOVE, {"canonical": canonical(email), "email": email, "reason": reason})
    return [Suppression(row["email"], row["reason"], row["created_at"]) for row in rows]
