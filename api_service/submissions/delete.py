"""The use case: delete a submission."""

from typing import Final

from api_service.submissions.service import RunUnderWay
from shared.database.connection import Database
from shared.resources.remove import remove_objects, remove_rows
from shared.service.errors import TransientError
from shared.service.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

# Jobs are locked before their upload, as everywhere (`job_runner.leases.claim`).
_LOCK_JOBS: Final = "SELECT status FROM job WHERE upload = :id ORDER BY upload, id FOR UPDATE"
_LOCK_UPLOAD: Final = "SELECT request_id IS NOT NULL AS is_requested FROM uploads WHERE id = :id FOR UPDATE"


async def delete(database: Database, store: ObjectStore, upload_id: int) -> bool:
    """Delete a submission with all that belongs to it, and return True. Return False if there is none.

    The caller checks that the sender may delete it. Raises `RunUnderWay` (409) if it is queued or running. Its objects
    are removed after the commit. If that fails, the runner's cleaner removes them.
    """
    async with database.transaction() as connection:
        jobs = await connection.fetch_all(_LOCK_JOBS, {"id": upload_id})
        upload = await connection.fetch_one(_LOCK_UPLOAD, {"id": upload_id})
        if upload is None:
            return False
        if upload["is_requested"] or any(job["status"] in ("none-executed", "executing") for job in jobs):
            raise RunUnderWay
        objects = await remove_rows(connection, [upload_id])
    log.info("submission.deleted", upload=upload_id)
    try:
        await remove_objects(database, store, objects)
    except TransientError as exc:
        log.warning("submission.objects_left", upload=upload_id, error=str(exc))
    return True
