"""The bytes of a submission: its sources, and the output and standard error of its runs."""

from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api_service.auth import Principal
from api_service.dependencies import ReaderDep, Services, ServicesDep
from api_service.v1.content import RANGE, TEXT, ZIP, Content, content_answer, content_responses
from api_service.v1.ids import SubmissionId
from api_service.v1.openapi import operation
from api_service.v1.problems import Fault, Kind, V1Problem, invalid
from api_service.v1.stored_bytes import Stream, has_tests, output_of_run, output_of_test, source_of
from api_service.v1.validation import Strict
from api_service.v1.visibility import owner_of, read_query_of

router = APIRouter(tags=["submissions"])

_LARGEST_NUMBER: Final = (1 << 31) - 1


class OutputQuery(Strict):
    """Which output of a submission is read."""

    run: Annotated[int | None, Field(ge=1, le=_LARGEST_NUMBER, description="The number of the run; the latest.")] = None
    test: Annotated[
        int | None,
        Field(ge=1, le=_LARGEST_NUMBER, description="The number of the test. Exactly submissions with tests need it."),
    ] = None


@router.get(
    "/submissions/{id}/output",
    **operation(
        "get_output",
        "Read what a program wrote to its standard output",
        "The whole output, as far as the engine has kept it.",
        query=OutputQuery,
        parameters=[RANGE],
        problems=[Kind.NOT_FOUND, Kind.RANGE],
        responses=content_responses(TEXT),
    ),
)
async def get_output(
    principal: ReaderDep,
    id: SubmissionId,  # noqa: A002
    request: Request,
    services: ServicesDep,
) -> Response:
    return await content_answer(request, await _output(request, services, principal, id, "stdout"))


@router.get(
    "/submissions/{id}/stderr",
    **operation(
        "get_stderr",
        "Read what a program wrote to its standard error",
        "The whole text, as far as the engine has kept it.",
        query=OutputQuery,
        parameters=[RANGE],
        problems=[Kind.NOT_FOUND, Kind.RANGE],
        responses=content_responses(TEXT),
    ),
)
async def get_stderr(
    principal: ReaderDep,
    id: SubmissionId,  # noqa: A002
    request: Request,
    services: ServicesDep,
) -> Response:
    return await content_answer(request, await _output(request, services, principal, id, "stderr"))


@router.get(
    "/submissions/{id}/source",
    **operation(
        "get_source",
        "Read the sources of a submission",
        "The file as it was sent; a zip if there are several.",
        parameters=[RANGE],
        problems=[Kind.NOT_FOUND, Kind.RANGE],
        responses=content_responses(TEXT, ZIP),
    ),
)
async def get_source(
    principal: ReaderDep,
    id: SubmissionId,  # noqa: A002
    request: Request,
    services: ServicesDep,
) -> Response:
    await read_query_of(request, services, principal, id)
    content = await source_of(services.database, services.store, id, owner_of(principal))
    return await content_answer(request, _found(content, "source of this submission"))


async def _output(request: Request, services: Services, principal: Principal, upload: int, stream: Stream) -> Content:
    query = await read_query_of(request, services, principal, upload, OutputQuery)
    owner = owner_of(principal)
    tests = await has_tests(services.database, upload, owner)
    if tests is None:
        return _found(None, "submission")
    if tests and query.test is None:
        raise invalid([Fault("It is missing; this submission has tests, so name one.", parameter="test")])
    if not tests and query.test is not None:
        raise invalid([Fault("This submission has no tests; leave it out.", parameter="test")])
    if query.test is not None:
        content = await output_of_test(services.database, upload, query.run, query.test, stream)
    else:
        content = await output_of_run(services.database, services.store, upload, query.run, stream)
    return _found(content, "output yet, or no such run or test,")


def _found(content: Content | None, what: str) -> Content:
    if content is None:
        raise V1Problem(Kind.NOT_FOUND, f"There is no {what} for this key; check the path and the query.")
    return content
