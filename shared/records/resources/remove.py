"""Removes submissions with all that belongs to them: files, jobs, results, mails, webhooks and kept answers.

The rows go first, in one transaction, which notes the names of the objects with the ids. Then the objects go. After a
crash in between, the runner's cleaner finds the notes. The ids are kept, so that none is used again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.output_keys import outputs_of
from shared.adapters.storage.sources import judge_key
from shared.records.resources.kept_answers import forget_about

# Jobs are locked before their upload, as everywhere (`job_runner.leases.claim`).
_LOCK_JOBS: Final = "SELECT upload, status FROM job WHERE upload = ANY(:ids) ORDER BY upload, id FOR UPDATE"
_LOCK_UPLOADS: Final = """
    SELECT id, request_id IS NOT NULL AS is_requested FROM uploads WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
"""
#: Ends the note of a prefix. No key ends with it.
_ANY: Final = "*"

_OBJECTS: Final = """
    -- By jobs, because the uploads of results have no index.
    SELECT u.id, u.object_key, CASE WHEN u.content IS NULL THEN u.object_key END AS source,
        -- Only judges have digests. Programs of a newer release are removed too.
        ARRAY(SELECT key FROM jsonb_each(u.spec) WHERE value ->> 'sha256' IS NOT NULL) AS judges,
        ARRAY(SELECT output_key FROM job JOIN results ON results.job = job.id WHERE job.upload = u.id) AS outputs,
        ARRAY(SELECT artifact ->> 'key' FROM job JOIN results ON results.job = job.id,
                jsonb_array_elements(results.artifacts) AS artifact
            WHERE job.upload = u.id) AS artifacts,
        -- A job that was cut off, repeated, cancelled or given up may have objects without a result.
        ARRAY(SELECT id FROM job WHERE job.upload = u.id
            AND (attempt > 1 OR crashes > 0 OR crashed_at IS NOT NULL OR status IN ('cancelled', 'failed'))
        ) AS repeated,
        ARRAY(SELECT id FROM job WHERE job.upload = u.id) AS jobs, u.batch
    FROM uploads u WHERE u.id = ANY(:ids)
"""
_NOTE: Final = "INSERT INTO deleted_uploads (id, objects) VALUES (:id, :objects) ON CONFLICT (id) DO NOTHING"
_NOTES: Final = "SELECT id, objects FROM deleted_uploads WHERE objects IS NOT NULL ORDER BY id LIMIT :limit"
_REMOVE_NOTE: Final = "UPDATE deleted_uploads SET objects = NULL WHERE id = :id"
_DELETIONS: Final = (
    "DELETE FROM webhooks WHERE upload = ANY(:ids)",
    "DELETE FROM emails WHERE upload = ANY(:ids)",
    "DELETE FROM emails WHERE job = ANY(:jobs)",
    "DELETE FROM test_results WHERE job = ANY(:jobs)",
    "DELETE FROM results WHERE job = ANY(:jobs)",
    "DELETE FROM job WHERE upload = ANY(:ids)",
    "DELETE FROM uploads WHERE id = ANY(:ids)",
    # A digest goes with the last submission of its address.
    """WITH digests AS MATERIALIZED (
        SELECT id FROM emails WHERE batch = ANY(:batches) AND recipient IS NOT NULL AND NOT EXISTS (
            SELECT FROM uploads WHERE uploads.batch = emails.batch AND lower(uploads.email) = lower(emails.recipient)
        ) ORDER BY id FOR UPDATE
    ) DELETE FROM emails USING digests WHERE emails.id = digests.id""",
)
_BATCH_DELETIONS: Final = (
    "DELETE FROM emails WHERE batch = ANY(:ids)",
    "DELETE FROM webhooks WHERE batch = ANY(:ids)",
    "DELETE FROM batches WHERE id = ANY(:ids)",
)
_NOTIFY: Final = "SELECT pg_notify(:channel, number) FROM unnest(CAST(:numbers AS text[])) AS number"


async def lock(connection: Connection, uploads: Collection[int]) -> dict[int, bool]:
    """Lock submissions and their jobs. Return the submissions that exist, each with True if it is queued or running."""
    jobs = await connection.fetch_all(_LOCK_JOBS, {"ids": list(uploads)})
    active = {job["upload"] for job in jobs if job["status"] in ("none-executed", "executing")}
    rows = await connection.fetch_all(_LOCK_UPLOADS, {"ids": list(uploads)})
    return {row["id"]: row["is_requested"] or row["id"] in active for row in rows}


async def remove_rows(connection: Connection, uploads: Collection[int]) -> dict[int, list[str]]:
    """Remove submissions in the caller's transaction, which holds locks on them and on their jobs (`lock`).

    Return the objects of each, for `remove_objects` after the commit. Nothing of them may be under way.
    """
    rows = await connection.fetch_all(_OBJECTS, {"ids": list(uploads)})
    objects = {
        row["id"]: [
            *([row["source"]] if row["source"] else []),
            *(judge_key(row["object_key"], judge) for judge in row["judges"]),
            *(key for key in row["outputs"] if key),
            *row["artifacts"],
            *(f"{outputs_of(job)}{_ANY}" for job in row["repeated"]),
        ]
        for row in rows
    }
    batches = sorted({row["batch"] for row in rows if row["batch"] is not None})
    values = {"ids": list(objects), "jobs": [job for row in rows for job in row["jobs"]], "batches": batches}
    await connection.fetch_each(_NOTE, [{"id": upload, "objects": keys} for upload, keys in objects.items()])
    await forget_about(connection, "submissions", objects)
    for deletion in _DELETIONS:
        await connection.execute(deletion, values)
    await _notify(connection, channels.SUBMISSIONS, list(objects))
    await _notify(connection, channels.BATCHES, batches)
    return objects


async def remove_batches(connection: Connection, batches: Collection[int]) -> None:
    """Remove batches without submissions, with their digests and webhooks, in the caller's transaction."""
    await forget_about(connection, "batches", batches)
    for deletion in _BATCH_DELETIONS:
        await connection.execute(deletion, {"ids": list(batches)})
    await _notify(connection, channels.BATCHES, list(batches))


async def _notify(connection: Connection, channel: str, numbers: Sequence[int]) -> None:
    await connection.execute(_NOTIFY, {"channel": channel, "numbers": [str(number) for number in numbers]})


async def remove_objects(database: Database, store: ObjectStore, objects: Mapping[int, Sequence[str]]) -> None:
    """Remove the objects of removed submissions, and the notes of them."""
    for upload, keys in objects.items():
        for key in keys:
            if key.endswith(_ANY):
                await store.delete_prefix(key.removesuffix(_ANY))
            else:
                await store.delete(key)
        await database.call(Connection.execute, _REMOVE_NOTE, {"id": upload})


async def forgotten_objects(connection: Connection, *, limit: int) -> dict[int, list[str]]:
    """Return objects of removed submissions that a crash has left."""
    rows = await connection.fetch_all(_NOTES, {"limit": limit})
    return {row["id"]: row["objects"] for row in rows}
