"""The use cases: store a version of a problem, change its settings, delete it.

A version is inserted with the names of its files, then these are stored, and then it is seen, all at once. What a crash
leaves in between is never seen, and the cleaner removes it (`job_runner.problems.removal`).
"""

import asyncio
import json
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.services import Services
from shared.adapters.database.connection import Connection, Record
from shared.judging.packages.faults import PackageError
from shared.judging.packages.model import Package, PackageBounds
from shared.judging.packages.read import read_package
from shared.records.problems import versions
from shared.records.problems.files import count_files, name_files, needed_files, store_files
from shared.records.problems.submitting import stored_tests, summary_of
from shared.records.problems.versions import ProblemVersion

#: Reading a package takes a processor for seconds, so one is read at a time, and holds up nothing else.
_READING: Final = ThreadPoolExecutor(1, thread_name_prefix="package")
_MAX_VERSIONS: Final = 1000
#: A refusal for lack of space cannot know when its key deletes something.
_LATER: Final = {"Retry-After": "3600"}

_ADD: Final = "INSERT INTO problems (name, deleted) VALUES (:name, true) ON CONFLICT (name) DO NOTHING"
_LOCK: Final = "SELECT owner, deleted FROM problems WHERE name = :name FOR UPDATE"
_INSERT: Final = """
    WITH next AS (
        UPDATE problems SET last_version = last_version + 1 WHERE name = :name RETURNING last_version
    )
    INSERT INTO problem_versions (problem, owner, version, digest, package_bytes, size_bytes, settings, manifest,
        summary, tests)
    SELECT :name, :owner, last_version, :digest, :package_bytes, :size_bytes, CAST(:settings AS jsonb),
        CAST(:manifest AS jsonb), CAST(:summary AS jsonb), CAST(:tests AS jsonb)
    FROM next RETURNING id
"""
# One more version of the same package.
_COPY: Final = """
    WITH next AS (
        UPDATE problems SET last_version = last_version + 1 WHERE name = :name RETURNING last_version
    ), copied AS (
        INSERT INTO problem_versions (problem, owner, version, digest, package_bytes, size_bytes, settings, manifest,
            summary, tests, derived_cpu_s, state)
        SELECT problem, owner, last_version, digest, package_bytes, size_bytes, CAST(:settings AS jsonb), manifest,
            summary, tests, derived_cpu_s, 'stored'
        FROM problem_versions, next WHERE id = :id AND state = 'stored' RETURNING id
    )
    INSERT INTO problem_references (version, sha256)
    SELECT copied.id, sha256 FROM copied, problem_references WHERE problem_references.version = :id RETURNING version
"""
# The rows of versions count as they are stored, which is found without reading them. A reference to a file counts 256
# bytes, with its indexes.
_BYTES_OF_KEY: Final = """
    SELECT (
        SELECT coalesce(sum(size_bytes), 0) FROM problem_objects WHERE sha256 IN (
            SELECT sha256 FROM problem_references r JOIN problem_versions v ON v.id = r.version WHERE v.owner = :owner
        )
    ) + (
        SELECT coalesce(sum(pg_column_size(manifest) + pg_column_size(summary) + pg_column_size(tests)), 0)
        FROM problem_versions WHERE owner = :owner
    ) + (
        SELECT 256 * count(*) FROM problem_references r JOIN problem_versions v ON v.id = r.version
        WHERE v.owner = :owner
    ) AS size
"""
# Two packages of a key are counted one after the other.
_LOCK_BYTES: Final = "SELECT pg_advisory_xact_lock(hashtextextended('problem_bytes', :owner))"
_SEEN: Final = """
    UPDATE problem_versions SET state = 'stored', owner = :owner WHERE id = :id AND state = 'storing' RETURNING id
"""
_SET: Final = """
    UPDATE problems SET owner = :owner, deleted = false, visibility = coalesce(:visibility, visibility),
        title = CASE WHEN :sets_title THEN CAST(:title AS text) ELSE title END,
        created_at = CASE WHEN deleted THEN now() ELSE created_at END
    WHERE name = :name
"""
_LOCK_VERSIONS: Final = """
    SELECT id, version FROM problem_versions WHERE problem = :name AND state = 'stored' ORDER BY id FOR UPDATE
"""
_IN_USE: Final = """
    -- Held ones have not ended, either.
    SELECT FROM uploads WHERE problem_version = ANY(:ids)
        AND (request_id IS NOT NULL OR (outcome IS NULL AND verdict IS NULL))
    UNION ALL SELECT FROM problem_checks WHERE version = ANY(:ids) AND state = 'running' LIMIT 1
"""
_REMOVE_VERSIONS: Final = """
    DELETE FROM problem_versions v WHERE id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM uploads WHERE uploads.problem_version = v.id)
"""
_DELETE_VERSIONS: Final = "UPDATE problem_versions SET state = 'deleted' WHERE id = ANY(:ids)"
_DELETE: Final = """
    UPDATE problems SET deleted = true, owner = NULL, title = NULL, visibility = 'private' WHERE name = :name
"""


#: The settings that a call names, by their names; None takes one back.
ProblemSettings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SentPackage:
    """A package as sent: a file, its size and its SHA-256. `settings` are None if the client sent no settings."""

    file: BinaryIO
    size_bytes: int
    sha256: str
    settings: bytes | None


async def push(
    services: Services,
    principal: Principal,
    name: str,
    upload: SentPackage,
    bounds: PackageBounds,
    settings: ProblemSettings,
) -> tuple[int, bool]:
    """Store a package as the next version of a problem. Return the id of the version, and True if it is new.

    Nothing is stored if the latest version has this package, all of its files, and these limits already. Raises
    `ApiError`: 409 if the name is another key's, 422 with all faults of the package, 429 if there is no room left.
    """
    package, columns = await _read(upload.file, bounds, name)
    files = needed_files(package)
    sizes = {file.digest: file.size_bytes for file in files} | {upload.sha256: upload.size_bytes}
    async with services.database.transaction() as connection:
        await connection.execute(_ADD, {"name": name})
        row = await _lock(connection, principal, name)
        latest = await versions.find(connection, name)
        limits = _limits_after(settings, latest.settings if latest else {})
        is_same = latest and latest.digest == upload.sha256 and limits == latest.settings
        if latest and is_same and await count_files(connection, latest.id) == len(sizes):
            await _set(connection, name, row["owner"], settings)
            return latest.id, False
        _check_versions(latest)
        owner = principal.key_id if row["deleted"] else row["owner"]
        values = {"name": name, "owner": owner, "settings": json.dumps(limits), "digest": upload.sha256}
        values |= {"package_bytes": upload.size_bytes, **columns}
        id_: int = await connection.fetch_value(_INSERT, values)
        missing = await name_files(connection, id_, sizes)
        await _check_space(services, connection, principal, owner)
    entries = {file.digest: file.entry for file in files}
    async with services.package_semaphore:
        with zipfile.ZipFile(upload.file) as archive:

            def open_file(sha256: str) -> BinaryIO:
                if sha256 != upload.sha256:
                    return cast("BinaryIO", archive.open(entries[sha256]))
                # Files are read at the same time, so each has a position of its own.
                return open(f"/proc/self/fd/{upload.file.fileno()}", "rb")

            await store_files(
                services.database, services.store, {sha256: sizes[sha256] for sha256 in missing}, open_file
            )
    async with services.database.transaction() as connection:
        row = await _lock(connection, principal, name)
        owner = principal.key_id if row["deleted"] else row["owner"]
        if not await connection.fetch_one(_SEEN, {"id": id_, "owner": owner}):
            raise ApiError(Kind.UNAVAILABLE, "Storing the package took too long; send it again.")
        await _set(connection, name, owner, settings)
    return id_, True


async def patch(services: Services, principal: Principal, name: str, settings: ProblemSettings) -> bool:
    """Change the settings of a problem. Other limits make a new version. Return False if there is no problem.

    Raises `ApiError` (429) if there is no room for another version.
    """
    async with services.database.transaction() as connection:
        row = await _lock(connection, principal, name)
        latest = await versions.find(connection, name)
        if latest is None:
            return False
        limits = _limits_after(settings, latest.settings)
        if limits != latest.settings:
            _check_versions(latest)
            values = {"name": name, "id": latest.id, "settings": json.dumps(limits)}
            await connection.fetch_all(_COPY, values)
            await _check_space(services, connection, principal, row["owner"])
        await _set(connection, name, row["owner"], settings)
    return True


async def delete(services: Services, principal: Principal, name: str, version: int | None) -> bool:
    """Delete a problem, or one version of it. Return False if there is none.

    Raises `ApiError` (409) while a submission to it, or a check of it, has not ended.
    """
    async with services.database.transaction() as connection:
        await _lock(connection, principal, name)
        stored = await connection.fetch_all(_LOCK_VERSIONS, {"name": name})
        ids = [row["id"] for row in stored if version in (None, row["version"])]
        if not ids:
            return False
        if await connection.fetch_all(_IN_USE, {"ids": ids}):
            raise ApiError(
                Kind.UNDER_WAY,
                "A submission or a check of this problem has not ended: wait, or cancel it or the check's batch.",
            )
        # Those that no submission names give their space back at once.
        await connection.execute(_REMOVE_VERSIONS, {"ids": ids})
        await connection.execute(_DELETE_VERSIONS, {"ids": ids})
        if len(ids) == len(stored):
            await connection.execute(_DELETE, {"name": name})
    return True


async def used_bytes(connection: Connection, owner: int | None) -> int:
    return int(await connection.fetch_value(_BYTES_OF_KEY, {"owner": owner}))


async def _check_space(services: Services, connection: Connection, principal: Principal, owner: int | None) -> None:
    if owner is None or principal.sees_all:
        return
    await connection.fetch_one(_LOCK_BYTES, {"owner": owner})
    size, max_bytes = await used_bytes(connection, owner), services.settings.key_problem_bytes
    if size > max_bytes:
        raise ApiError(
            Kind.QUOTA_EXCEEDED,
            f"The problems of this key would have {size} bytes; they may have {max_bytes}. Delete"
            " problems or versions that are not needed any more.",
            headers=_LATER,
            policies=["problem_bytes"],
        )


def _limits_after(settings: ProblemSettings, earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits after a call, from those before it. Limits that are taken back are absent."""
    limits = {name: settings.get(name, earlier.get(name)) for name in ("limits", "language_limits")}
    return {name: limit for name, limit in limits.items() if limit}


def _check_versions(latest: ProblemVersion | None) -> None:
    if latest and latest.versions >= _MAX_VERSIONS:
        raise ApiError(
            Kind.QUOTA_EXCEEDED,
            f"This problem has {latest.versions} versions; it may have {_MAX_VERSIONS}. Delete some that are not"
            " needed any more.",
            headers=_LATER,
            policies=["problem_versions"],
        )


async def _read(file: BinaryIO, bounds: PackageBounds, name: str) -> tuple[Package, dict[str, Any]]:
    """Return the package in a file, and the columns that its version gets of it. Raises `ApiError` (422) with all its
    faults."""

    def read() -> tuple[Package, dict[str, Any]]:
        package = read_package(file, bounds, name=name)
        return package, {
            "size_bytes": package.size_bytes,
            "manifest": versions.as_manifest(package),
            "summary": json.dumps(summary_of(package)),
            "tests": json.dumps(stored_tests(package)),
        }

    try:
        return await asyncio.get_running_loop().run_in_executor(_READING, read)
    except PackageError as exc:
        raise invalid([Fault(fault.detail, path=fault.path) for fault in exc.faults]) from None


async def _lock(connection: Connection, principal: Principal, name: str) -> Record:
    """Lock the row of a problem, and return it. Raises `ApiError`: 404 if there is none, 409 if it is another key's."""
    row = await connection.fetch_one(_LOCK, {"name": name})
    if row is None:
        raise ApiError(Kind.NOT_FOUND, "This problem does not exist.")
    if not row["deleted"] and not principal.sees_all and row["owner"] != principal.key_id:
        raise ApiError(Kind.NAME_TAKEN, "Another key has a problem of this name; choose another name.")
    return row


async def _set(connection: Connection, name: str, owner: int | None, settings: ProblemSettings) -> None:
    visibility = (settings["visibility"] or "private") if "visibility" in settings else None
    values = {"visibility": visibility, "sets_title": "title" in settings, "title": settings.get("title")}
    await connection.execute(_SET, {"name": name, "owner": owner, **values})
