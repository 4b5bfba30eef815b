"""Finds and removes what is stored about a person: the submissions of an address, mails to it, and checks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.adapters.database.connection import Connection
from shared.common.text.email_addresses import canonical
from shared.records.resources.remove import lock, remove_rows

_ADDRESSES: Final = """
    SELECT lower(email) AS email FROM uploads UNION SELECT lower(recipient) FROM emails
    UNION SELECT lower(email) FROM problem_checks UNION SELECT lower(digest_to) FROM batches
"""
_SUBMISSIONS: Final = "SELECT id FROM uploads WHERE lower(email) = ANY(:emails) ORDER BY id"
_MAILS: Final = """
    SELECT emails.id FROM emails LEFT JOIN uploads ON uploads.id = emails.upload
    WHERE lower(coalesce(emails.recipient, uploads.email)) = ANY(:emails)
"""
_REMOVE_MAILS: Final = """
    WITH theirs AS MATERIALIZED (
        SELECT id FROM emails WHERE lower(recipient) = ANY(:emails) ORDER BY id FOR UPDATE
    )
    DELETE FROM emails USING theirs WHERE emails.id = theirs.id
"""
_FORGET_CHECKS: Final = """
    WITH theirs AS MATERIALIZED (
        SELECT id FROM problem_checks WHERE lower(email) = ANY(:emails) ORDER BY id FOR UPDATE
    )
    UPDATE problem_checks SET email = NULL FROM theirs WHERE problem_checks.id = theirs.id
"""
_FORGET_BATCHES: Final = """
    WITH theirs AS MATERIALIZED (
        SELECT id FROM batches WHERE lower(digest_to) = ANY(:emails) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE batches SET digest_to = NULL FROM theirs WHERE batches.id = theirs.id
"""


@dataclass(frozen=True, slots=True)
class StoredAbout:
    """What is stored about a person. `addresses` are the spellings of the address; `under_way` are submissions."""

    addresses: Sequence[str]
    submissions: Sequence[int]
    under_way: Sequence[int]
    mails: int


async def find(connection: Connection, address: str) -> StoredAbout:
    """Return what is stored about the owner of an address, and lock the submissions until the transaction ends."""
    rows = await connection.fetch_all(_ADDRESSES)
    wanted = canonical(address)
    addresses = sorted(row["email"] for row in rows if row["email"] and canonical(row["email"]) == wanted)
    submissions = await connection.fetch_all(_SUBMISSIONS, {"emails": addresses})
    states = await lock(connection, [row["id"] for row in submissions])
    mails = await connection.fetch_all(_MAILS, {"emails": addresses})
    under_way = [submission for submission, is_under_way in states.items() if is_under_way]
    return StoredAbout(addresses, list(states), under_way, len(mails))


async def remove(connection: Connection, stored: StoredAbout) -> None:
    """Remove what `find` returned, of which nothing may be under way. The runner's cleaner removes the files."""
    await remove_rows(connection, stored.submissions)
    for statement in (_REMOVE_MAILS, _FORGET_CHECKS, _FORGET_BATCHES):
        await connection.execute(statement, {"emails": list(stored.addresses)})
