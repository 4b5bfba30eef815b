"""Checks of problems for tests of the runner."""

from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.records.problems.files import key_of
from shared.records.problems.versions import as_manifest
from tests.integration.rows import execute, fetch
from tests.problem_packages import LEGACY, read


async def add_check(database: Database, name: str, *, owner: int = 1, age_days: int = 0) -> int:
    """Add a check of a problem, which is added too, and return its id."""
    await execute(database, "INSERT INTO problems (name) VALUES (:name) ON CONFLICT DO NOTHING", name=name)
    await execute(
        database,
        "INSERT INTO problem_versions (problem, version, digest, package_bytes, size_bytes, manifest, summary, tests)"
        " VALUES (:name, 1, '', 0, 0, CAST(:manifest AS jsonb), '{}', '[]') ON CONFLICT DO NOTHING",
        name=name,
        manifest=as_manifest(read(LEGACY)),
    )
    [check] = await fetch(
        database,
        "INSERT INTO problem_checks (version, owner, batch, plan, phase, created_at)"
        " SELECT id, :owner, 1, '{}', 1, now() - make_interval(days => :days) FROM problem_versions"
        " WHERE problem = :name RETURNING id",
        name=name,
        owner=owner,
        days=age_days,
    )
    id_: int = check["id"]
    return id_


async def store_package(store: LocalStore) -> None:
    """Store the files of the problems that `add_check` adds."""
    for path, file in read(LEGACY).files.items():
        await store.put(key_of(file.digest), LEGACY[path].encode())
