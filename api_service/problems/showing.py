"""Finds the problems that a sender may see, and shows them: all to their owner, without their secrets to others."""

import json
from typing import Final

from api_service.access.principal import Principal
from api_service.limits.holds import reserving
from api_service.problems.bounds import limit_bounds
from api_service.problems.models import SampleTest, StoredProblem, VersionOfProblem
from api_service.requests.visibility import refuse_unknown
from api_service.services import Services
from shared.adapters.database.connection import Connection
from shared.adapters.storage.base import ObjectStore
from shared.judging.packages.model import Package
from shared.records.problems import submitting, versions
from shared.records.problems.files import key_of
from shared.records.problems.versions import ProblemVersion
from shared.records.resources.read import Reserve
from shared.records.resources.texts import cut

#: How a problem is called that the sender may not see.
WHAT: Final = "problem or version"
#: Each text of a sample is cut to this many bytes.
_TEXT_LIMIT: Final = 64 << 10
_OF_OWNER: Final = ("digest", "size_bytes", "checker", "interactor")
_OF_VERSION: Final = ("name", "version", "versions", "visibility", "created_at", "digest", "size_bytes")

# Byte by byte, as clients sort names.
_OF_PAGE: Final = """
    FROM problems p JOIN LATERAL (
        SELECT * FROM problem_versions WHERE problem = p.name AND state = 'stored' ORDER BY version DESC LIMIT 1
    ) AS v ON true
    WHERE NOT p.deleted AND (:sees_all OR p.owner = :owner OR p.visibility = 'shared')
        AND (CAST(:visibility AS text) IS NULL OR p.visibility = :visibility)
        AND (CAST(:after AS text) IS NULL OR p.name COLLATE "C" > :after)
    ORDER BY p.name COLLATE "C" LIMIT :limit
"""
_PAGE: Final = f"SELECT {versions.COLUMNS} {_OF_PAGE}"
_PAGE_BYTES: Final = f"""
    SELECT CAST(coalesce(sum(bytes), 0) AS bigint) AS bytes
    FROM (SELECT octet_length(CAST(v.summary AS text)) AS bytes {_OF_PAGE}) AS summaries
"""  # noqa: S608  (constants)
_VERSIONS: Final = """
    SELECT v.version, v.digest, v.size_bytes, CAST(v.summary -> 'tests' AS text) AS tests, v.created_at
    FROM problems p JOIN problem_versions v ON v.problem = p.name
    WHERE p.name = :name AND NOT p.deleted AND v.state = 'stored'
        AND (CAST(:before AS bigint) IS NULL OR v.version < :before)
    ORDER BY v.version DESC LIMIT :limit
"""


def is_owned(principal: Principal, version: ProblemVersion) -> bool:
    """True if the sender owns the problem, or all of them."""
    return principal.sees_all or (principal.key_id is not None and version.owner == principal.key_id)


async def find_visible(
    connection: Connection, principal: Principal, name: str, version: int | None = None
) -> ProblemVersion | None:
    """Return a version of a problem that the sender may see and submit to; None without such a version."""
    problem = await versions.find(connection, name, version)
    return problem if problem and (problem.visibility == "shared" or is_owned(principal, problem)) else None


async def page(
    connection: Connection,
    principal: Principal,
    *,
    visibility: str | None,
    after: str | None,
    limit: int,
    reserve: Reserve,
) -> list[ProblemVersion]:
    """Return up to `limit` problems that the sender may see, in their latest versions, by name. `reserve` is called
    before they are read."""
    values = {
        "sees_all": principal.sees_all,
        "owner": principal.key_id,
        "visibility": visibility,
        "after": after,
        "limit": limit,
    }
    reserve(await connection.fetch_value(_PAGE_BYTES, values))
    return [versions.from_row(row) for row in await connection.fetch_all(_PAGE, values)]


async def versions_of(connection: Connection, name: str, *, before: int | None, limit: int) -> list[VersionOfProblem]:
    """Return up to `limit` versions of a problem, the newest first."""
    rows = await connection.fetch_all(_VERSIONS, {"name": name, "before": before, "limit": limit})
    return [VersionOfProblem.model_validate({**dict(row), "tests": json.loads(row["tests"])}) for row in rows]


async def shown(services: Services, principal: Principal, version: ProblemVersion) -> StoredProblem:
    """Return a problem as an item of a list."""
    bounds = limit_bounds(services.settings, await services.languages.catalog())
    public_url = services.signer.public_url
    summary, address = version.summary, f"{public_url}/v1/problems/{version.name}"
    source_bytes = summary["limits"]["source_bytes"]
    values = {
        **summary,
        **{name: getattr(version, name) for name in _OF_VERSION},
        "title": version.title or summary["title"],
        "limits": {**submitting.limits_of(version, bounds), "source_bytes": source_bytes},
        "time_limit_from": submitting.time_limit_source(version),
        "language_limits": version.settings.get("language_limits") or {},
        "unit_tests": {code: tests.framework for code, tests in version.unit_tests.items()} or None,
        "samples": None,
        "warnings": None,
        "links": {
            "self": address,
            "package": f"{address}/package",
            "check": f"{address}/check",
            "submissions": f"{public_url}/v1/submissions?problem={version.name}",
        },
    }
    if not is_owned(principal, version):
        values |= dict.fromkeys(_OF_OWNER)
    return StoredProblem.model_validate(values)


async def whole(services: Services, principal: Principal, version: ProblemVersion) -> StoredProblem:
    """Return a problem with its samples. Raises `ApiError` (404) if it has been removed."""
    problem = await shown(services, principal, version)
    package = await services.database.call(versions.package_of, version.id) or refuse_unknown(WHAT)
    with reserving(services.response_memory, principal) as reserve:
        samples = await _samples(services.store, package, reserve)
        warnings = version.summary["warnings"] if is_owned(principal, version) else None
        return StoredProblem.model_validate({**dict(problem), "samples": samples, "warnings": warnings})


async def _samples(store: ObjectStore, package: Package, reserve: Reserve) -> list[SampleTest]:
    samples = {
        sample.name: {"input": sample.input, "answer": sample.answer, "interaction": sample.interaction}
        for sample in package.samples
    }
    files = [package.files[path] for paths in samples.values() for path in paths.values() if path]
    reserve(sum(min(file.size_bytes, _TEXT_LIMIT) for file in files))
    tests = []
    for name, paths in samples.items():
        texts: dict[str, str | None] = dict.fromkeys(paths)
        for kind, path in paths.items():
            if path and (size := package.files[path].size_bytes):
                data = await store.read(key_of(package.files[path].digest), 0, _TEXT_LIMIT)
                # The last character may have been cut.
                text = data.decode("utf-8", "replace")
                texts[kind] = cut(text if len(data) == size else text.rstrip("\N{REPLACEMENT CHARACTER}"), _TEXT_LIMIT)
            elif path:
                texts[kind] = ""
        truncated = [kind for kind, path in paths.items() if path and package.files[path].size_bytes > _TEXT_LIMIT]
        tests.append(SampleTest(name=name, truncated=truncated, **texts))
    return tests
