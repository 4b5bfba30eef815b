"""Forgets answers that are kept for a repeated `Idempotency-Key`, when what they are about is deleted."""

from collections.abc import Iterable
from typing import Final

from shared.database.connection import Connection

# By the path of the submission or batch, as the index has it. Without `made`, a request under way keeps no answer any
# more, and a repeated one is told that it is gone.
_FORGET: Final = """
    UPDATE idempotency_keys SET made = NULL, body = NULL
    WHERE substring(path || '/' || CAST(made AS text), '^(/v1/(submissions|batches)/[0-9]+)')
        = ANY(CAST(:paths AS text[]))
"""


async def forget_about_submissions(connection: Connection, ids: Iterable[int]) -> None:
    """Forget the answers about these submissions, in the transaction that removes them."""
    await connection.execute(_FORGET, {"paths": [f"/v1/submissions/{one}" for one in ids]})


async def forget_about_batches(connection: Connection, ids: Iterable[int]) -> None:
    """Forget the answers about these batches, in the transaction that removes them."""
    await connection.execute(_FORGET, {"paths": [f"/v1/batches/{one}" for one in ids]})
