"""Reads submissions for the operator. Each function works in the caller's transaction."""

from collections.abc import Sequence
from typing import Any, Final

from shared.adapters.database.connection import Connection
from shared.records.resources.statements import STATE

#: The mail is the latest of the submission's own. A summary of a batch belongs to many, and is not among them.
_LISTED: Final = f"""
    SELECT u.id, u.filename, u.language, u.email, u.created_at, u.verdict, k.name AS key, {STATE},
        (SELECT status FROM emails WHERE emails.upload = u.id ORDER BY id DESC LIMIT 1) AS mail
    FROM uploads u LEFT JOIN api_keys k ON k.id = u.owner
    WHERE u.id = ANY(:ids) ORDER BY u.created_at DESC, u.id DESC
"""  # noqa: S608  (constants)


async def operators_list(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return these submissions, the newest first, each with the name of its key and the state of its latest mail."""
    return [dict(row) for row in await connection.fetch_all(_LISTED, {"ids": ids})]
