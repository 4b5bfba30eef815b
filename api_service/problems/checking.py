"""The use case: begin the check of a package. The runner drives it to its end (`job_runner.problems.checks`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from api_service.problems.body import CheckBody
from api_service.problems.bounds import limit_bounds
from api_service.services import Services
from api_service.submissions.new_submission import NewSubmission, stored
from api_service.submissions.service import OnStored, Submissions
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.common.service.errors import PermanentError
from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import LimitsSpec, Program, file_specs
from shared.judging.packages.fields import replace_constants
from shared.judging.packages.model import JurySubmission, Package
from shared.records.problems import versions
from shared.records.problems.files import read_file
from shared.records.problems.phases import Phase, phase_of
from shared.records.problems.submitting import (
    limits_for,
    limits_of_language,
    time_factor,
    time_limit_source,
    unit_tests_for,
)
from shared.records.problems.versions import ProblemVersion
from shared.records.resources.check_models import CheckResult

#: Bytes of submissions that are in memory together, but for one that has more.
_BYTES_AT_ONCE: Final = 4 << 20

# A deletion of the version waits for this transaction.
_HOLD_VERSION: Final = "SELECT FROM problem_versions WHERE id = :version AND state = 'stored' FOR SHARE"
_INSERT_BATCH: Final = "INSERT INTO batches (owner) VALUES (:owner) RETURNING id"
_INSERT: Final = """
    INSERT INTO problem_checks (version, owner, batch, plan, phase, email, locale, webhook_url)
    VALUES (:version, :owner, :batch, CAST(:plan AS jsonb), :phase, :email, :locale, :webhook_url)
    ON CONFLICT (version) WHERE state = 'running' DO NOTHING RETURNING id
"""
_KEEP_SUBMISSIONS: Final = "UPDATE problem_checks SET submissions = CAST(:submissions AS jsonb) WHERE id = :id"


async def start(
    services: Services, principal: Principal, version: ProblemVersion, body: CheckBody, locale: str, on_stored: OnStored
) -> int:
    """Begin the check of a version, and return its id: store the jury's submissions as a batch, request the first ones.

    Raises `ApiError`: 409 while another one of this version runs, 422 if the report may not be mailed, 429 if a
    budget is used up or too much waits, 503 if the engine has not reported its limits yet.
    """
    catalog, submissions = await services.languages.catalog(), services.submissions
    bounds, factors = limit_bounds(services.settings, catalog), services.settings.time_factors
    derives = time_limit_source(version) in ("check", "default")
    phase = Phase.FROM_BELOW if derives else Phase.AT_LIMIT
    plan = {
        "derives": derives,
        "bounds": {name: bound.model_dump() for name, bound in bounds.items()},
        "factors": dict(factors),
    }
    async with submissions.semaphore.take(principal), services.database.transaction() as connection:
        is_there = await connection.fetch_all(_HOLD_VERSION, {"version": version.id})
        package = await versions.package_of(connection, version.id) if is_there else None
        if package is None:
            raise ApiError(Kind.NOT_FOUND, "This version of the problem was deleted.")
        batch: int = await connection.fetch_value(_INSERT_BATCH, {"owner": version.owner})
        values = {
            "version": version.id,
            "owner": principal.key_id,
            "batch": batch,
            "plan": json.dumps(plan),
            "phase": phase,
            "email": body.email,
            "locale": locale,
            "webhook_url": body.webhook_url,
        }
        id_: int | None = await connection.fetch_value(_INSERT, values)
        if id_ is None:
            raise ApiError(Kind.UNDER_WAY, "A check of this version is under way: wait, or cancel its batch.")
        owner = replace(principal, key_id=version.owner)
        jury = _Jury(submissions, owner, version, package, catalog, bounds, factors, locale, derives)
        requested, held = jury.sizes(phase)
        await submissions.charge_for_check(connection, principal, body.email, requested=requested, held=held)
        await jury.store(connection, id_, batch, phase)
        await connection.execute(_KEEP_SUBMISSIONS, {"id": id_, "submissions": json.dumps(jury.entries)})
        await connection.notify(channels.BATCHES, str(batch))
        await connection.notify(channels.CHECKS)
        await on_stored(connection, id_)
    return id_


@dataclass
class _Jury:
    """The jury's submissions of a package. `entries` are those of the check's row, one for each."""

    submissions: Submissions
    owner: Principal
    version: ProblemVersion
    package: Package
    catalog: LanguageCatalog
    bounds: Mapping[str, LimitBounds]
    factors: Mapping[str, float]
    locale: str
    derives: bool

    def __post_init__(self) -> None:
        if self.derives:  # each gets as much CPU time as it can have
            self.version = replace(self.version, derived_cpu_s=float(self.bounds["cpu_s"].max))
        self.entries = [self._entry(submission) for submission in self.package.submissions]
        jury = zip(self.package.submissions, self.entries, strict=True)
        self._runnable = [(submission, entry) for submission, entry in jury if entry["result"] is None]

    def sizes(self, phase: Phase) -> tuple[list[int], list[int]]:
        """Return the bytes of the submissions that run in this phase, and of those that are held."""
        sizes: tuple[list[int], list[int]] = ([], [])
        for submission, entry in self._runnable:
            files = submission.program.files.values()
            sizes[entry["phase"] > phase].append(sum(self.package.files[path].size_bytes for path in files))
        return sizes

    async def store(self, connection: Connection, check: int, batch: int, phase: Phase) -> None:
        """Store those that can run here. Those of later phases are held."""
        for hold in (False, True):
            chosen = [pair for pair in self._runnable if (pair[1]["phase"] > phase) is hold]
            while chosen:
                some, size = [], 0
                while chosen and size < _BYTES_AT_ONCE:
                    submission, entry = chosen.pop(0)
                    new = await self._new(submission, entry, check, batch, hold=hold)
                    some.append((new, entry))
                    size += new.size_bytes
                rows = await self.submissions.add_taken(connection, self.owner, [new for new, _ in some])
                for row, (_, entry) in zip(rows, some, strict=True):
                    entry["submission"] = row.id

    def _entry(self, submission: JurySubmission) -> dict[str, Any]:
        """Return what the check's row has of a submission. What is not in answers is for the runner alone."""
        program = submission.program
        language = self.catalog.find(program.language) if program.language else None
        reason = submission.not_run or program.fault
        if not reason and language is None:
            reason = "Its language does not work here."
        codes = list(language.codes) if language else []
        has_own_limit = "cpu_s" in (limits_of_language(self.version, codes) or {})
        is_bound = self.derives and not has_own_limit
        # The engine multiplies what is asked for, too.
        engine_factor = language.limits["cpu_s"].factor if language and language.limits else 1.0
        return {
            "path": submission.path,
            "language": program.language or None,
            "expected": submission.expected,
            "codes": codes,
            "factor": time_factor(self.version, codes, self.factors) * engine_factor,
            "has_own_limit": has_own_limit,
            "phase": phase_of(submission, has_own_limit=has_own_limit) if is_bound else Phase.AT_LIMIT,
            "submission": None,
            "result": CheckResult.NOT_RUN if reason else None,
            "detail": reason or None,
        }

    async def _new(
        self, submission: JurySubmission, entry: dict[str, Any], check: int, batch: int, *, hold: bool
    ) -> NewSubmission:
        program, package, files = submission.program, self.package, {}
        try:
            for path, source in program.files.items():
                data = await read_file(self.submissions.store, package.files[source].digest)
                files[path] = replace_constants(data, package.constants)
        except PermanentError:
            raise ApiError(Kind.UNAVAILABLE, "A file of the package is missing in the store; push it again.") from None
        limits = limits_for(self.version, entry["codes"], self.bounds, self.factors)
        spec = Program(
            args=(),
            compiler_args=(),
            limits=LimitsSpec.model_validate(limits),
            checker=None,
            unit_tests=unit_tests_for(package.unit_tests, entry["codes"]),
            stop_at_first_failure=False,
            locale=self.locale,
            receipt=False,
            problem=self.version.reference,
            points=self.version.summary["points"],
            # What is expected of each test can only be seen if each is run.
            runs_all=submission.run is None,
        )
        return NewSubmission(
            language=program.language,
            filename=program.entry,
            source=stored(files),
            hold=hold,
            spec=spec,
            files=file_specs(files),
            metadata={"check": str(check), "path": submission.path},
            batch=batch,
            problem_version=self.version.id,
        )
