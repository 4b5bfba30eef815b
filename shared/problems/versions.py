"""The rows of problems and of their versions.

A problem is found by its name. A version never changes, but for the time limit that a check derives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from pydantic import TypeAdapter

from shared.database.connection import Connection, Record
from shared.packages.model import Package

#: A new version that nobody finishes is removed after these minutes. Storing a package takes less.
STORING_MINUTES: Final = 60

_COLUMNS: Final = """
    v.id, p.name, p.owner, p.visibility, coalesce(p.title, v.settings ->> 'title') AS title, v.version, v.digest,
    v.package_bytes, v.size_bytes, v.settings, v.manifest, v.derived_cpu_s, v.created_at,
    (SELECT count(*) FROM problem_versions WHERE problem = p.name AND state = 'stored') AS versions
"""
_FIND: Final = f"""
    SELECT {_COLUMNS} FROM problems p JOIN problem_versions v ON v.problem = p.name
    WHERE p.name = :name AND NOT p.deleted AND v.state = 'stored'
        AND (v.version = :version OR CAST(:version AS integer) IS NULL)
    ORDER BY v.version DESC LIMIT 1
"""  # noqa: S608  (constants)
_OF_ID: Final = f"""
    SELECT {_COLUMNS} FROM problem_versions v JOIN problems p ON p.name = v.problem WHERE v.id = :id
"""  # noqa: S608
_PACKAGE: Final = TypeAdapter(Package)


@dataclass(frozen=True)
class ProblemVersion:
    """A version of a problem. `settings` are those of the API's call."""

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
    manifest: str
    derived_cpu_s: float | None
    created_at: datetime
    versions: int

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    @cached_property
    def package(self) -> Package:
        """The package. Reading it takes some milliseconds if it has many tests."""
        return _PACKAGE.validate_json(self.manifest)


def as_manifest(package: Package) -> str:
    """Return the package as a version keeps it."""
    return _PACKAGE.dump_json(package).decode()


async def find(connection: Connection, name: str, version: int | None = None) -> ProblemVersion | None:
    """Return a version of a problem, the latest if `version` is None; None if there is none, or it was deleted."""
    row = await connection.fetch_one(_FIND, {"name": name, "version": version})
    return _from_row(row) if row else None


async def of_id(connection: Connection, id_: int) -> ProblemVersion | None:
    """Return the version with this id, also a deleted one that a submission still names."""
    row = await connection.fetch_one(_OF_ID, {"id": id_})
    return _from_row(row) if row else None


def _from_row(row: Record) -> ProblemVersion:
    values = dict(row)
    return ProblemVersion(**{**values, "settings": json.loads(values["settings"])})
