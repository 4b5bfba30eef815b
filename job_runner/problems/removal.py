"""Removes versions of problems that nothing needs any more, and files that no version names."""

from typing import Final

from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.logging import get_logger
from shared.records.problems.files import remove_unnamed
from shared.records.problems.versions import STORING_MINUTES

log = get_logger(__name__)

_BATCH: Final = 200
# A version that is still stored after so long is what a process has left that died.
_REMOVE: Final = """
    DELETE FROM problem_versions USING (
        SELECT id FROM problem_versions v
        WHERE (state = 'deleted' OR (state = 'storing' AND created_at < now() - make_interval(mins => :minutes)))
            AND NOT EXISTS (SELECT FROM uploads WHERE uploads.problem_version = v.id)
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS unneeded WHERE problem_versions.id = unneeded.id RETURNING problem_versions.id
"""


async def remove_unneeded(database: Database, store: ObjectStore) -> None:
    """Remove the versions that were deleted, or never seen, and that no submission names; then all unnamed files."""
    values = {"minutes": STORING_MINUTES, "limit": _BATCH}
    if removed := await database.call(Connection.fetch_all, _REMOVE, values):
        log.info("problems.removed", versions=len(removed))
    while await remove_unnamed(database, store, limit=_BATCH) == _BATCH:
        pass
