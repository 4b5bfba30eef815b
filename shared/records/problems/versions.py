"""The rows of problems and of their versions.

A problem is found by its name. A version never changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from shared.adapters.database.connection import Connection, Record
from shared.judging.packages.model import Package, PackageUnitTests

#: A new version that nobody finishes is removed after these minutes. Storing a package takes less.
STORING_MINUTES: Final = 60

# Only unit tests judge without a checker and an interactor. Other manifests are not read.
COLUMNS: Final = """
    CASE WHEN v.summary ->> 'checker' IS NULL AND v.summary ->> 'interactor' IS NULL
        THEN v.manifest -> 'unit_tests' END AS unit_tests,
    v.id, v.problem AS name, p.owner, p.visibility, p.title, v.version, v.digest, v.package_bytes, v.size_bytes,
    v.settings, v.summary, v.derived_cpu_s, v.created_at,
    (SELECT count(*) FROM problem_versions WHERE problem = p.name AND state = 'stored') AS versions
"""
_SELECT: Final = f"SELECT {COLUMNS} FROM problem_versions v JOIN problems p ON p.name = v.problem"  # noqa: S608
_FIND: Final = (
    _SELECT
    + """
    WHERE p.name = :name AND NOT p.deleted AND v.state = 'stored'
        AND (v.version = :version OR CAST(:version AS integer) IS NULL)
    ORDER BY v.version DESC LIMIT 1
"""
)
_OF_ID: Final = _SELECT + " WHERE v.id = :id"
_MANIFEST: Final = "SELECT manifest FROM problem_versions WHERE id = :id"
_PACKAGE: Final = TypeAdapter(Package)
_UNIT_TESTS: Final = TypeAdapter(dict[str, PackageUnitTests])


@dataclass(frozen=True, slots=True)
class ProblemVersion:
    """A version of a problem. `settings` are its limits, as they were sent; `title` is None if it is the package's.

    `summary` is what answers say of its package (`shared.records.problems.submitting.summary_of`). `derived_cpu_s` is
    the limit of CPU time that a check has derived. `unit_tests` are those of the package.
    """

    id: int
    name: str
    owner: int | None
    visibility: str
    title: str | None
    version: int
    digest: str
    package_bytes: int
    size_bytes: int
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]
    derived_cpu_s: float | None
    created_at: datetime
    versions: int
    unit_tests: Mapping[str, PackageUnitTests]

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


def as_manifest(package: Package) -> str:
    """Return the package as a version keeps it."""
    return _PACKAGE.dump_json(package).decode()


async def find(connection: Connection, name: str, version: int | None = None) -> ProblemVersion | None:
    """Return a version of a problem, the latest if `version` is None; None if it does not exist or was deleted."""
    row = await connection.fetch_one(_FIND, {"name": name, "version": version})
    return from_row(row) if row else None


async def of_id(connection: Connection, id_: int) -> ProblemVersion | None:
    """Return the version with this id, also a deleted one that a submission still names."""
    row = await connection.fetch_one(_OF_ID, {"id": id_})
    return from_row(row) if row else None


async def package_of(connection: Connection, id_: int) -> Package | None:
    """Return the package of the version with this id. Reading it takes some milliseconds if it has many tests."""
    manifest = await connection.fetch_value(_MANIFEST, {"id": id_})
    return _PACKAGE.validate_json(manifest) if manifest else None


def from_row(row: Record) -> ProblemVersion:
    """Return the version of a row with these `COLUMNS`."""
    values = {**dict(row), "unit_tests": _UNIT_TESTS.validate_json(row["unit_tests"] or "{}")}
    return ProblemVersion(**{**values, **{name: json.loads(values[name]) for name in ("settings", "summary")}})
