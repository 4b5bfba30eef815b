"""The bytes of a submission: its sources, and the output, standard error and artifacts of its runs."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Path, Request, Response
from pydantic import Field

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.http.integers import MAX_NUMBER
from api_service.requests.answers import IF_NONE_MATCH, SAME
from api_service.requests.content import RANGE, TEXT, ZIP, content_answer, content_responses
from api_service.requests.ids import SubmissionId
from api_service.requests.openapi import Route, V1Router
from api_service.requests.validation import Strict, read_query
from api_service.requests.visibility import refuse_unknown, require_visible
from api_service.services import ReaderDep, Services, ServicesDep
from api_service.v1.reads.stored_bytes import (
    SOURCE_COLUMNS,
    Stream,
    artifact_of_run,
    output_of_run,
    output_of_test,
    source_of,
)
from shared.engine_api.artifacts import UNKNOWN
from shared.records.resources.statements import shows_secrets

router = V1Router(tags=["submissions"])

#: If a submission has tests, and the numbers of those whose outputs its sender may not see (`require_visible`).
_OF_TESTS: Final = f"""
    tests IS NOT NULL AS has_tests, CASE WHEN {shows_secrets("uploads")} THEN ARRAY[]::bigint[] ELSE ARRAY(
        SELECT nth FROM jsonb_array_elements(tests) WITH ORDINALITY AS each (test, nth)
        WHERE CAST(test ->> 'hidden' AS boolean)
    ) END AS secret_tests
"""  # noqa: S608  (constants)

ArtifactName = Annotated[str, Path(description="The name of the file.", examples=["plot.png"])]


class ArtifactQuery(Strict):
    """The query that names one run of a submission."""

    run: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="The number of the run; the latest.")


class OutputQuery(ArtifactQuery):
    """The query that names one output of a submission."""

    test: int | None = Field(
        default=None,
        ge=1,
        le=MAX_NUMBER,
        description="The number of the test. Exactly submissions with tests need it.",
    )


def _reading(name: str, what: str) -> Callable[[Route], Route]:
    return router.operation(
        f"GET /submissions/{{id}}/{name}",
        f"Read what a program wrote to its {what}",
        f"The whole {what}, as far as the engine has kept it.",
        query=OutputQuery,
        parameters=[RANGE],
        problems=[Kind.RANGE],
        responses=content_responses(TEXT),
    )


@_reading("output", "standard output")
async def get_output(principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    return await _output(request, services, principal, id, "stdout")


@_reading("stderr", "standard error")
async def get_stderr(principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    return await _output(request, services, principal, id, "stderr")


@router.operation(
    "GET /submissions/{id}/source",
    "Read the sources of a submission",
    "The file as it was sent; a zip if there are several.",
    parameters=[RANGE],
    problems=[Kind.RANGE],
    responses=content_responses(TEXT, ZIP),
)
async def get_source(principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    submission = await require_visible(services, principal, id, SOURCE_COLUMNS)
    read_query(request)
    content = await source_of(services.store, submission)
    return await content_answer(request, content or refuse_unknown("source"))


@router.operation(
    "GET /submissions/{id}/artifacts/{name}",
    "Read a file that a program wrote",
    "A file of its folder `out`, as an attachment unless it is an image. The `ETag` is its SHA-256 in hexadecimal.",
    query=ArtifactQuery,
    parameters=[RANGE, IF_NONE_MATCH],
    problems=[Kind.RANGE],
    responses={**content_responses(UNKNOWN), **SAME},
)
async def get_artifact(
    principal: ReaderDep, id: SubmissionId, name: ArtifactName, request: Request, services: ServicesDep
) -> Response:
    await require_visible(services, principal, id)
    query = read_query(request, ArtifactQuery)
    content = await artifact_of_run(services.database, services.store, id, query.run, name)
    if content is None:
        raise ApiError(Kind.NOT_FOUND, "This run has no such file; `artifacts` of the run lists those that it has.")
    return await content_answer(request, content)


async def _output(request: Request, services: Services, principal: Principal, upload: int, stream: Stream) -> Response:
    submission = await require_visible(services, principal, upload, _OF_TESTS)
    query = read_query(request, OutputQuery)
    if submission["has_tests"] and query.test is None:
        raise invalid([Fault("It is missing; this submission has tests, so name one.", parameter="test")])
    if not submission["has_tests"] and query.test is not None:
        raise invalid([Fault("This submission has no tests; leave it out.", parameter="test")])
    if query.test is not None and query.test in submission["secret_tests"]:
        raise ApiError(Kind.NOT_FOUND, "This test is a secret of its problem.")
    if query.test is not None:
        content = await output_of_test(services.database, upload, query.run, query.test, stream)
    else:
        content = await output_of_run(services.database, services.store, upload, query.run, stream)
    if content is None:
        detail = "This run or test does not exist, or has no output yet; check the numbers, or wait until it has ended."
        raise ApiError(Kind.NOT_FOUND, detail)
    return await content_answer(request, content)
