"""The rows of checks: claims, the results of the jury's submissions, and the end."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from pydantic_core import from_json

from job_runner.problems.time_limit import JuryRun, jury_tests
from shared.adapters.broker.outbox import adding
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.engine_api.codex import LimitBounds, Verdict
from shared.judging.packages.model import JurySubmission, Package
from shared.records.problems import versions
from shared.records.problems.phases import Phase
from shared.records.problems.versions import ProblemVersion
from shared.records.resources.statements import LATEST_JOB

#: Seconds for which a runner that may have died keeps its claim.
LEASE_SECONDS: Final = 60.0
#: Claims of the data of a check that may end without a result.
_MAX_ATTEMPTS: Final = 5

# Of each key one at a time, so that none holds up the others.
_CLAIM_DATA: Final = """
    UPDATE problem_checks SET lease_id = CAST(:lease AS uuid), attempt = attempt + 1,
        lease_expires_at = now() + make_interval(secs => :seconds)
    FROM (
        SELECT id FROM problem_checks c
        WHERE state = 'running' AND data IS NULL AND (lease_expires_at IS NULL OR lease_expires_at < now())
            AND NOT EXISTS (
                SELECT FROM problem_checks o WHERE o.state = 'running' AND o.data IS NULL AND o.id <> c.id
                    AND o.owner = c.owner AND o.lease_id IS NOT NULL AND o.lease_expires_at > now()
            )
        ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
    WHERE problem_checks.id = due.id
    RETURNING problem_checks.id, problem_checks.version, problem_checks.batch, problem_checks.owner,
        problem_checks.attempt
"""
_RENEW: Final = """
    UPDATE problem_checks SET lease_expires_at = now() + make_interval(secs => :seconds)
    WHERE id = :id AND lease_id = CAST(:lease AS uuid) RETURNING id
"""
# A failure that is not the validators' does not count as an attempt, nor does a claim that another runner took during
# an outage.
_RELEASE: Final = """
    UPDATE problem_checks SET attempt = attempt - :returned,
        lease_id = nullif(lease_id, CAST(:lease AS uuid)),
        lease_expires_at = CASE WHEN lease_id = CAST(:lease AS uuid)
            THEN now() + make_interval(secs => :seconds) ELSE lease_expires_at END
    WHERE id = :id AND data IS NULL
"""
_KEEP_DATA: Final = f"""
    UPDATE problem_checks SET data = CAST(:data AS jsonb), lease_id = NULL
    WHERE id = :id AND lease_id = CAST(:lease AS uuid)
    RETURNING pg_notify('{channels.BATCHES}', CAST(batch AS text)), pg_notify('{channels.CHECKS}', '')
"""  # noqa: S608  (constants)
# One runner drives a check: the row is locked, and others skip it.
_DUE: Final = """
    SELECT id, version, owner, batch, plan, phase, submissions, data, email, locale, webhook_url
    FROM problem_checks c
    WHERE state = 'running' AND (phase < 3 OR data IS NOT NULL)
        AND (CAST(:ids AS bigint[]) IS NULL OR batch = ANY(:ids))
        AND NOT EXISTS (SELECT FROM uploads WHERE uploads.batch = c.batch AND request_id IS NOT NULL)
    ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
_RUN: Final = f"""
    SELECT u.verdict, u.outcome, j.id AS job, r.points, r.points_awarded, r.judge_message, r.groups,
        CAST(u.spec #>> '{{limits,cpu_s}}' AS double precision) AS limit_s
    FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id WHERE u.id = :id
"""  # noqa: S608  (constants)
# The tests of one submission are in memory together, so their messages are cut.
_TESTS: Final = """
    SELECT t.number, t.verdict, t.cpu_s, t.points_awarded, left(t.judge_message, 4000) AS judge_message,
        t.outcome, t.memory_bytes, u.tests -> (t.number - 1) ->> 'name' AS name
    FROM test_results t, uploads u
    WHERE t.job = :job AND u.id = :upload AND t.verdict IS NOT NULL ORDER BY t.number
"""
_RELEASE_HELD: Final = f"""
    WITH requested AS (
        UPDATE uploads SET spec = spec || jsonb_build_object('limits', CAST(:limits AS jsonb)),
            request_id = gen_random_uuid(), requested_at = now(), runs = 1
        WHERE id = :id AND request_id IS NULL AND runs = 0 AND outcome IS NULL RETURNING id, request_id
    ), queued AS ({adding("requested")})
    SELECT id, pg_notify('{channels.SUBMISSIONS}', CAST(id AS text)) FROM requested
"""  # noqa: S608  (constants)
_KEEP_PHASE: Final = """
    UPDATE problem_checks SET phase = :phase, time_limit = CAST(:time_limit AS jsonb) WHERE id = :id
"""
# The row stays as long as its version, so the addresses go now. `called` reads them from the row as it was before.
_FINISH: Final = f"""
    WITH finished AS (
        UPDATE problem_checks SET state = 'finished', finished_at = now(), verdict = :verdict,
            submissions = CAST(:entries AS jsonb), time_limit = CAST(:time_limit AS jsonb), data = CAST(:data AS jsonb),
            email = NULL, webhook_url = NULL
        WHERE id = :id RETURNING batch, version
    ), derived AS (
        UPDATE problem_versions SET derived_cpu_s = :derived_cpu_s FROM finished
        WHERE problem_versions.id = finished.version AND CAST(:derived_cpu_s AS double precision) IS NOT NULL
    ), called AS (
        INSERT INTO webhooks (owner, batch, type, url)
        SELECT owner, batch, 'problem.checked', webhook_url FROM problem_checks
        WHERE id = :id AND webhook_url IS NOT NULL
        RETURNING pg_notify('{channels.WEBHOOKS}', '')
    )
    SELECT pg_notify('{channels.BATCHES}', CAST(batch AS text)), (SELECT count(*) FROM called) FROM finished
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class ClaimedData:
    """A check whose data this runner proves. `is_poison` is True if that has stopped engines or runners too often."""

    id: int
    version: int
    owner: int | None
    lease: UUID
    is_poison: bool


@dataclass(frozen=True, slots=True)
class RunningCheck:
    """A check, locked by the caller's transaction, none of whose submissions is under way."""

    id: int
    version: ProblemVersion
    package: Package
    batch: int
    derives: bool
    bounds: Mapping[str, LimitBounds]
    factors: Mapping[str, float]
    phase: Phase
    entries: Sequence[Mapping[str, Any]]
    data: Sequence[Mapping[str, str]] | None
    email: str | None
    locale: str

    @property
    def jury(self) -> list[tuple[JurySubmission, Mapping[str, Any]]]:
        """The jury's submissions, each with its entry."""
        return list(zip(self.package.submissions, self.entries, strict=True))


async def claim_data(connection: Connection) -> ClaimedData | None:
    """Claim a check whose data is not proved yet; None if no check waits."""
    lease = uuid4()
    row = await connection.fetch_one(_CLAIM_DATA, {"lease": str(lease), "seconds": LEASE_SECONDS})
    if row is None:
        return None
    return ClaimedData(row["id"], row["version"], row["owner"], lease, row["attempt"] > _MAX_ATTEMPTS)


async def renew(connection: Connection, claimed: ClaimedData) -> bool:
    """Prolong a claim. Return False if it is lost."""
    values = {"id": claimed.id, "lease": str(claimed.lease), "seconds": LEASE_SECONDS}
    return await connection.fetch_one(_RENEW, values) is not None


async def release(connection: Connection, claimed: ClaimedData, *, seconds: float, is_attempt: bool) -> None:
    """Give up a claim for these seconds."""
    values = {"id": claimed.id, "lease": str(claimed.lease), "seconds": seconds, "returned": 0 if is_attempt else 1}
    await connection.execute(_RELEASE, values)


async def keep_data(connection: Connection, claimed: ClaimedData, faults: Sequence[Mapping[str, str]]) -> bool:
    """Store the faults of the data. Return False if the lease is lost."""
    values = {"id": claimed.id, "lease": str(claimed.lease), "data": json.dumps(faults)}
    return await connection.fetch_one(_KEEP_DATA, values) is not None


async def next_due(connection: Connection, among: Collection[int] | None) -> RunningCheck | None:
    """Lock the next check that can go on, of those with these batches; None stands for any."""
    values = {"ids": None if among is None else list(among)}
    row = await connection.fetch_one(_DUE, values)
    if row is None:
        return None
    version = await versions.of_id(connection, row["version"])
    package = await versions.package_of(connection, row["version"])
    assert version is not None
    assert package is not None
    plan = from_json(row["plan"])
    return RunningCheck(
        id=row["id"],
        version=version,
        package=package,
        batch=row["batch"],
        derives=plan["derives"],
        bounds={name: LimitBounds(**bound) for name, bound in plan["bounds"].items()},
        factors=plan["factors"],
        phase=Phase(row["phase"]),
        entries=from_json(row["submissions"]),
        data=from_json(row["data"]) if row["data"] else None,
        email=row["email"],
        locale=row["locale"] or "en",
    )


async def run_of(connection: Connection, check: RunningCheck, submission: int | None) -> JuryRun | None:
    """Return the latest run of a submission of the jury; None if it has not ended, or was deleted."""
    row = await connection.fetch_one(_RUN, {"id": submission}) if submission is not None else None
    if row is None or row["outcome"] is None:
        return None
    if row["outcome"] != "finished":
        return JuryRun(None)
    tests = await connection.fetch_all(_TESTS, {"job": row["job"], "upload": submission})
    return JuryRun(
        verdict=Verdict(row["verdict"]),
        points=row["points"],
        points_awarded=row["points_awarded"],
        judge_message=row["judge_message"] or "",
        group_points={group["name"]: group["points_awarded"] for group in from_json(row["groups"] or "[]")},
        tests=jury_tests(check.package, tests),
        limit_s=row["limit_s"] or 0.0,
    )


async def release_held(connection: Connection, submission: int, limits: Mapping[str, float | int]) -> bool:
    """Request the run of a submission that is held, with these limits. Return False if it is not held any more."""
    values = {"id": submission, "limits": json.dumps(limits)}
    return await connection.fetch_one(_RELEASE_HELD, values) is not None


async def keep_phase(connection: Connection, check: RunningCheck, phase: Phase, time_limit: object) -> None:
    values = {"id": check.id, "phase": phase, "time_limit": json.dumps(time_limit)}
    await connection.execute(_KEEP_PHASE, values)
    await connection.notify(channels.OUTBOX)


async def finish(
    connection: Connection,
    check: RunningCheck,
    *,
    verdict: str,
    entries: Sequence[Mapping[str, Any]],
    data: Sequence[Mapping[str, str]],
    time_limit: object,
    derived_cpu_s: float | None,
) -> None:
    """Write the end of a check: its results and its webhook."""
    values = {
        "id": check.id,
        "verdict": verdict,
        "entries": json.dumps(entries),
        "data": json.dumps(data),
        "time_limit": json.dumps(time_limit) if time_limit else None,
        "derived_cpu_s": derived_cpu_s,
    }
    await connection.execute(_FINISH, values)
