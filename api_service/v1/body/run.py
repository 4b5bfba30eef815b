"""The body of `POST /v1/submissions/{id}/runs`: the input, arguments and limits of one run."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import Request
from pydantic import Field

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Fault, Kind
from api_service.languages.catalog import EngineLanguage
from api_service.requests.fields import Text
from api_service.requests.prefer import Wait, WaitQuery, wait_of
from api_service.requests.threads import run_in_thread_if_large
from api_service.requests.validation import Checked, Strict, checked, checked_query, parse_json, query_items, read_body
from api_service.requests.visibility import require_visible
from api_service.services import Services
from api_service.v1.body.program import limit_faults
from api_service.v1.body.rules import NEEDS_RUN, input_faults
from api_service.v1.body.submission import Args, LimitsBody
from shared.adapters.database.connection import Record
from shared.engine_api.program import Program

_HAS_TESTS: Final = "A submission with tests has its own; leave it out."
_HAS_JUDGE: Final = "A submission that a program judges runs again with its own; leave it out."
_HAS_PROBLEM: Final = "A submission to a problem runs again as the problem says; leave it out."
_LIMITS_UNKNOWN: Final = "The engine has not reported its limits yet; try again in a few seconds."
_NOT_FIXED: Final = "Not for a submission with tests, or that a program judges."
_COLUMNS: Final = "language, tests IS NOT NULL AS has_tests, problem_version IS NOT NULL AS has_problem, spec"


class RunBody(Strict):
    """The run's own input, arguments and limits. If one is null, the run has that of the submission."""

    stdin: Text | None = Field(default=None, repr=False, description=_NOT_FIXED)
    args: Args | None = Field(default=None, description=_NOT_FIXED)
    limits: LimitsBody | None = Field(default=None, description="A limit that is null stays as it is.")

    def override(self) -> dict[str, Any]:
        """Return what this run has of its own."""
        keys = self.model_dump(exclude_none=True)
        return {name: value for name, value in keys.items() if name != "limits" or value}


async def read_run_request(
    request: Request, services: Services, principal: Principal, upload_id: int
) -> tuple[dict[str, Any], Wait]:
    """Return what a run has of its own, and its wait. Raise `ApiError`: 404, 415, 400, or 422 with all faults."""
    row = await require_visible(services, principal, upload_id, _COLUMNS)
    body = await read_body(request, may_be_empty=True)
    query, faults = checked_query(WaitQuery, query_items(request))
    result = await run_in_thread_if_large(len(body), _parsed, body)
    engine_language = (await services.languages.catalog()).find(row["language"])
    max_bytes = services.settings.max_input_bytes
    of_rules = _faults(result.value, row, engine_language, max_bytes) if result.value else ()
    override = result.valid(faults, of_rules).override()
    if override.get("limits") and (engine_language is None or engine_language.details is None):
        raise ApiError(Kind.UNAVAILABLE, _LIMITS_UNKNOWN)
    return override, wait_of(request, query)


def _parsed(body: bytes) -> Checked[RunBody]:
    content = parse_json(body) if body else None
    return checked(RunBody, {} if content is None else content)


def _faults(run: RunBody, row: Record, engine_language: EngineLanguage | None, max_stdin_bytes: int) -> Iterator[Fault]:
    if row["has_problem"]:
        yield from (Fault(_HAS_PROBLEM, pointer=f"/{name}") for name in run.override())
        return
    fixed = _HAS_TESTS if row["has_tests"] else _HAS_JUDGE if Program.of_column(row["spec"]).judges else None
    for name in ("stdin", "args"):
        if fixed is not None and getattr(run, name) is not None:
            yield Fault(fixed, pointer=f"/{name}")
    yield from input_faults(run.stdin or "", max_stdin_bytes)
    if engine_language is None:
        return
    yield from limit_faults(run.limits, engine_language.limits)
    if engine_language.is_foreign:
        yield from (Fault(NEEDS_RUN, pointer=f"/{name}") for name in run.override())
