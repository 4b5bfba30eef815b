"""The use cases of batches: register submissions together, and cancel those that have not ended."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from api_service.access.principal import Principal
from api_service.submissions.cancel import cancel
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.service import OnStored, Submissions
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database

_INSERT: Final = """
    INSERT INTO batches (owner, digest, digest_to, webhook_url) VALUES (:owner, :digest, :digest_to, :webhook_url)
    RETURNING id
"""
_MEMBERS: Final = """
    SELECT ARRAY(SELECT id FROM uploads WHERE batch = batches.id ORDER BY id) AS members
    FROM batches WHERE id = :id AND finished_at IS NULL
"""
# Without its lease, the runner stops the validators. The check ends when its submissions have.
_CANCEL_CHECK: Final = """
    UPDATE problem_checks SET data = coalesce(data, '[]') || CAST(:fault AS jsonb), lease_id = NULL
    WHERE batch = :id AND state = 'running' AND NOT coalesce(data @> CAST(:fault AS jsonb), false)
    RETURNING pg_notify(:batches, CAST(batch AS text)), pg_notify(:checks, '')
"""
_CHECK_CANCELLED: Final = json.dumps([{"path": "", "detail": "The check was cancelled."}])


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that is valid and not registered yet. With `digest`, each address gets one mail for all of it.

    `digest_to` gets one mail about all submissions.
    """

    submissions: Sequence[NewSubmission]
    digest: bool = False
    digest_to: str | None = None
    webhook_url: str | None = None


async def register(submissions: Submissions, principal: Principal, new: NewBatch, on_stored: OnStored) -> int:
    """Store all submissions of a batch, or none, and request their runs. Return the id of the batch.

    Raises `ApiError` as `Submissions.register` does. `on_stored` is called at the end of the transaction.
    """
    async with submissions.semaphore.take(principal), submissions.database.transaction() as connection:
        columns = {"digest": new.digest, "digest_to": new.digest_to, "webhook_url": new.webhook_url}
        batch: int = await connection.fetch_value(_INSERT, {"owner": principal.key_id, **columns})
        members = [replace(member, batch=batch) for member in new.submissions]
        await submissions.add(connection, principal, members, has_digest=new.digest, digest_to=new.digest_to)
        await on_stored(connection, batch)
    return batch


async def cancel_batch(database: Database, batch: int, on_stored: Callable[[Connection], Awaitable[None]]) -> bool:
    """Cancel all submissions of a batch that have not ended, and its check. Return False if all of that has ended.

    `on_stored` is called at the end of the transaction.
    """
    values = {"fault": _CHECK_CANCELLED, "batches": channels.BATCHES, "checks": channels.CHECKS}
    # A runner locks a check before its submissions, so the check is cancelled in a transaction of its own.
    async with database.transaction() as connection:
        check = await connection.fetch_one(_CANCEL_CHECK, {"id": batch, **values})
        row = await connection.fetch_one(_MEMBERS, {"id": batch})
    if row is not None and await cancel(database, row["members"], on_stored):
        return True
    if check is not None:
        await database.transact(on_stored)
    return check is not None
