"""Forgets answers kept for a repeated `Idempotency-Key`: after a day, and when what they are about is deleted."""

from collections.abc import Iterable
from typing import Final, Literal

from shared.adapters.database.connection import Connection

# By the path of the submission or batch, as the index has it. Without `made`, a request under way keeps no answer any
# more, and a repeated one is told that it is gone.
_FORGET: Final = """
    UPDATE idempotency_keys SET made = NULL, body = NULL
    WHERE substring(path || '/' || CAST(made AS text), '^(/v1/(submissions|batches)/[0-9]+)')
        = ANY(CAST(:paths AS text[]))
"""
#: The most seconds for which an answer is kept.
KEPT_SECONDS: Final = 86_400
_FORGET_OLD: Final = f"""
    DELETE FROM idempotency_keys USING (
        SELECT owner, path, key FROM idempotency_keys WHERE created_at < now() - interval '{KEPT_SECONDS} seconds'
        FOR UPDATE SKIP LOCKED
    ) AS old
    WHERE (idempotency_keys.owner, idempotency_keys.path, idempotency_keys.key) = (old.owner, old.path, old.key)
"""  # noqa: S608  (a constant)


async def forget_old(connection: Connection) -> None:
    """Remove what is older than the time for which answers are kept."""
    await connection.execute(_FORGET_OLD)


async def forget_about(connection: Connection, kind: Literal["submissions", "batches"], ids: Iterable[int]) -> None:
    """Forget the answers about these submissions or batches, in the transaction that removes them."""
    await connection.execute(_FORGET, {"paths": [f"/v1/{kind}/{number}" for number in ids]})
