"""The runs of a submission."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.requests.answers import answer
from api_service.requests.cursors import LINK, PAGE_ITEMS, PageQuery, page_answer
from api_service.requests.idempotency import once
from api_service.requests.ids import RunNumber, SubmissionId
from api_service.requests.openapi import V1Router, location
from api_service.requests.prefer import PREFER, PREFERENCE_APPLIED, WaitQuery
from api_service.requests.visibility import find_visible, refuse_unknown, require_visible
from api_service.requests.waiting import Waiter, waiting
from api_service.services import ReaderDep, ReserveDep, Services, ServicesDep, SubmitterDep
from api_service.submissions.service import OnStored
from api_service.v1.body.run import RunBody, read_run_request
from api_service.v1.reads import junit
from api_service.v1.reads.query import read_query_of
from shared.records.resources import read
from shared.records.resources.models import ListOf, Run

router = V1Router(tags=["submissions"])

_IS_DELETED: Final = """
    (SELECT state <> 'stored' FROM problem_versions WHERE problem_versions.id = problem_version) AS is_deleted
"""


@router.operation(
    "GET /submissions/{id}/runs",
    "List the runs of a submission",
    f"All runs, the newest first, without texts and tests. A page has {PAGE_ITEMS} of them.",
    answer=ListOf[Run],
    query=PageQuery,
    headers=LINK,
)
async def list_runs(principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    query = await read_query_of(request, services, principal, id, PageQuery)
    page = await services.database.call(
        read.runs, id, limit=PAGE_ITEMS, before=query.cursor, owner=principal.visible_owner
    )
    runs, following = page or refuse_unknown()
    return page_answer(request, services, ListOf[Run], runs, following)


@router.operation(
    "GET /submissions/{id}/runs/{number}",
    "Get a run of a submission",
    "Its state, its texts and its tests. Texts are cut to 64 KiB; `/output` and `/stderr` have them whole."
    " `format=junit` has its tests alone.",
    answer=Run,
    query=junit.FormatQuery,
    problems=[Kind.CONFLICT],
    content=junit.CONTENT,
)
async def get_run(
    principal: ReaderDep,
    id: SubmissionId,
    number: RunNumber,
    request: Request,
    services: ServicesDep,
    reserve: ReserveDep,
) -> Response:
    query = await read_query_of(request, services, principal, id, junit.FormatQuery)
    async with services.database.connection() as connection:
        owner, sees_all = principal.visible_owner, principal.sees_all
        run = await read.run(
            connection, id, number, links=services.links, owner=owner, sees_all=sees_all, reserve=reserve
        )
    run = run or refuse_unknown("run of this submission")
    if query.format is not None:
        row = await require_visible(services, principal, id, "filename")
        return junit.answer(request, row["filename"] or "", run)
    return answer(run)


@router.operation(
    "POST /submissions/{id}/runs",
    "Run a submission again",
    "Requests one more run, also of a submission that is held. A run with other `stdin` or `args` is not compared"
    " with the expected output.",
    answer=Run,
    status=HTTPStatus.ACCEPTED,
    body=RunBody,
    is_body_required=False,
    query=WaitQuery,
    parameters=[PREFER],
    headers={**location("run"), **PREFERENCE_APPLIED},
    problems=[Kind.UNDER_WAY, Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    idempotent=True,
)
async def create_run(principal: SubmitterDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    override, wait = await read_run_request(request, services, principal, id)
    with waiting(services, principal, wait.seconds) as waiter:
        return await once(
            request, services, principal, override,
            partial(_request, services, principal, id, override),
            partial(_shown, waiter, id),
            status=HTTPStatus.ACCEPTED, location=f"/v1/submissions/{id}/runs/{{}}", wait=wait,
        )  # fmt: skip


async def _request(
    services: Services, principal: Principal, upload: int, override: dict[str, Any], on_stored: OnStored
) -> int:
    """Request a run, and return its number. Raises `ApiError` (409) if its problem was deleted."""
    row = await find_visible(services, principal, upload, _IS_DELETED)
    if row and row["is_deleted"]:
        raise ApiError(Kind.CONFLICT, "The version of the problem was deleted, so this submission cannot be run again.")
    async with services.requesting_runs():
        return await services.submissions.request_run(principal, upload, override, on_stored)


async def _shown(waiter: Waiter, upload: int, number: int) -> Run:
    await waiter.until_final(upload)
    services, principal = waiter.services, waiter.principal
    async with services.database.connection() as connection:
        owner, sees_all = principal.visible_owner, principal.sees_all
        run = await read.run(connection, upload, number, links=services.links, owner=owner, sees_all=sees_all)
    return run or refuse_unknown("run")
