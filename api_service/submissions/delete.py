"""The use cases: delete a submission, and delete a batch with its submissions."""

from collections.abc import Mapping, Sequence
from typing import Final

from api_service.submissions.service import RunUnderWay
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.resources.remove import lock, remove_batches, remove_objects, remove_rows

log = get_logger(__name__)

_MEMBERS: Final = "SELECT id FROM uploads WHERE batch = :id ORDER BY id"
# A check of a problem posts more submissions, phase by phase.
_LOCK_BATCH: Final = """
    SELECT finished_at IS NULL OR EXISTS (SELECT FROM problem_checks WHERE batch = batches.id AND state = 'running')
        AS is_under_way
    FROM batches WHERE id = :id FOR UPDATE
"""


async def delete(database: Database, store: ObjectStore, upload_id: int) -> bool:
    """Delete a submission with all that belongs to it, and return True. Return False if there is none.

    The caller checks that the sender may delete it. Raises `RunUnderWay` (409) if it is queued or running. Its objects
    are removed after the commit. If that fails, the runner's cleaner removes them.
    """
    async with database.transaction() as connection:
        states = await lock(connection, [upload_id])
        if any(states.values()):
            raise RunUnderWay
        objects = await remove_rows(connection, states)
    if objects:
        log.info("submission.deleted", upload=upload_id)
        await _try_to_remove(database, store, objects)
    return bool(objects)


async def delete_batch(database: Database, store: ObjectStore, batch: int) -> bool:
    """Delete a batch with all of its submissions, as `delete` does. Raise `RunUnderWay` (409) if it is not finished."""
    async with database.transaction() as connection:
        members = [row["id"] for row in await connection.fetch_all(_MEMBERS, {"id": batch})]
        states = await lock(connection, members)
        row = await connection.fetch_one(_LOCK_BATCH, {"id": batch})
        if row is None:
            return False
        if row["is_under_way"] or any(states.values()):
            raise RunUnderWay("batch")
        objects = await remove_rows(connection, states)
        await remove_batches(connection, [batch])
    log.info("batch.deleted", batch=batch, submissions=len(objects))
    await _try_to_remove(database, store, objects)
    return True


async def _try_to_remove(database: Database, store: ObjectStore, objects: Mapping[int, Sequence[str]]) -> None:
    try:
        await remove_objects(database, store, objects)
    except TransientError as exc:
        log.warning("submission.objects_left", uploads=sorted(objects), error=str(exc))
