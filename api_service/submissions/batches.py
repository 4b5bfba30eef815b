"""The use cases of batches: register submissions together, and cancel those that have not ended."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from api_service.access.auth import Principal
from api_service.submissions.cancel import cancel
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.service import OnStored, Submissions
from shared.database.connection import Connection, Database

_INSERT: Final = "INSERT INTO batches (owner, digest, webhook_url) VALUES (:owner, :digest, :webhook_url) RETURNING id"
_MEMBERS: Final = """
    SELECT ARRAY(SELECT id FROM uploads WHERE batch = batches.id ORDER BY id) AS members
    FROM batches WHERE id = :id AND finished_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that is valid and not registered yet. With `digest`, each address gets one mail for all of it."""

    submissions: Sequence[NewSubmission]
    digest: bool = False
    webhook_url: str | None = None


async def register(submissions: Submissions, principal: Principal, new: NewBatch, on_stored: OnStored) -> int:
    """Store all submissions of a batch, or none, and request their runs. Return the id of the batch.

    Raises `ApiError` as `Submissions.register` does. `on_stored` is called at the end of the transaction.
    """
    async with submissions.semaphore.take(principal), submissions.database.transaction() as connection:
        values = {"owner": principal.key_id, "digest": new.digest, "webhook_url": new.webhook_url}
        row = await connection.fetch_one(_INSERT, values)
        assert row is not None
        batch: int = row["id"]
        members = [replace(member, batch=batch) for member in new.submissions]
        await submissions.add(connection, principal, members, has_digest=new.digest)
        await on_stored(connection, batch)
    return batch


async def cancel_batch(database: Database, batch: int, on_stored: Callable[[Connection], Awaitable[None]]) -> bool:
    """Cancel all submissions of a batch that have not ended. Return False if all have.

    `on_stored` is called at the end of the transaction.
    """
    async with database.connection() as connection:
        row = await connection.fetch_one(_MEMBERS, {"id": batch})
    return row is not None and bool(await cancel(database, row["members"], on_stored))
