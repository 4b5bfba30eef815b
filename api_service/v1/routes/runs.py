"""The runs of a submission."""

from fastapi import APIRouter, Request, Response

from api_service.dependencies import ReaderDep, ServicesDep
from api_service.v1.answers import answer
from api_service.v1.examples import RUN, RUN_ITEM
from api_service.v1.ids import RunNumber, SubmissionId
from api_service.v1.openapi import operation
from api_service.v1.problems import Kind
from api_service.v1.visibility import owner_of, read_query_of, refuse_unknown
from shared.resources import read
from shared.resources.models import ListOf, Run

router = APIRouter(tags=["submissions"])


@router.get(
    "/submissions/{id}/runs",
    **operation(
        "list_runs",
        "List the runs of a submission",
        "All runs, the newest first, without texts and tests.",
        answer=ListOf[Run],
        example={"items": [RUN_ITEM], "next": None},
        problems=[Kind.NOT_FOUND],
    ),
)
async def list_runs(
    principal: ReaderDep,
    id: SubmissionId,  # noqa: A002
    request: Request,
    services: ServicesDep,
) -> Response:
    await read_query_of(request, services, principal, id)
    async with services.database.connection() as connection:
        runs = await read.runs(connection, id, owner=owner_of(principal))
    if runs is None:
        refuse_unknown()
    return answer(ListOf[Run](items=runs, next=None))


@router.get(
    "/submissions/{id}/runs/{number}",
    **operation(
        "get_run",
        "Get a run of a submission",
        "Its state, its texts and its tests. Texts are cut to 64 KiB; `/output` and `/stderr` have them whole.",
        answer=Run,
        example=RUN,
        problems=[Kind.NOT_FOUND],
    ),
)
async def get_run(
    principal: ReaderDep,
    id: SubmissionId,  # noqa: A002
    number: RunNumber,
    request: Request,
    services: ServicesDep,
) -> Response:
    await read_query_of(request, services, principal, id)
    async with services.database.connection() as connection:
        run = await read.run(connection, id, number, owner=owner_of(principal))
    if run is None:
        refuse_unknown("run of this submission")
    return answer(run)
