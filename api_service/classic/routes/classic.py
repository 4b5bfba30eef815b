"""The three calls of the original system, with exactly its answers."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from api_service.classic.form import read_submission
from api_service.classic.openapi import form, query_parameters
from api_service.classic.schemas import ClassicError, ExecutionRequested, SubmissionList
from api_service.http.errors import Kind
from api_service.http.integers import AnyId
from api_service.http.openapi import problem_responses
from api_service.http.streaming import PiecewiseResponse, prefetch
from api_service.services import ReaderDep, ServicesDep, SubmitterDep
from api_service.submissions.classic_list import ClassicListQuery

router = APIRouter(tags=["classic"])

_USUAL: Final = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.INVALID, Kind.UNAVAILABLE)
_OF_BODY: Final = (Kind.MALFORMED_BODY, Kind.TOO_SLOW, Kind.CONFLICT, Kind.TOO_LARGE, Kind.UNSUPPORTED_TYPE)


def _refusals(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    return problem_responses({kind.status: f"{kind.title}." for kind in sorted(kinds, key=lambda kind: kind.status)})


_SUBMISSION: Final = _refusals(*_USUAL, *_OF_BODY, Kind.QUOTA_EXCEEDED)
_REGISTERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The submission is registered. It runs when `/check_email/` requests it.",
        "content": {"application/json": {"example": "Your submission was registered with ID: 5"}},
    }
}


@router.post(
    "/submit_email",
    operation_id="submit_form",
    summary="Register a submission, with all fields in the form",
    description="The same call as `/submit_email/`. Fields that the form lacks may be in the query string here too.",
    response_model=str,
    responses={**_REGISTERED, **_SUBMISSION},
    openapi_extra=form(),
)
@router.post(
    "/submit_email/",
    operation_id="submit_query",
    summary="Register a submission, with its fields in the query string",
    description="The original system's call. The fields may be in the form instead, as `/submit_email` describes."
    " A URL may have 64 KiB, so send long `inputs` in the form.",
    response_model=str,
    responses={**_REGISTERED, **_SUBMISSION},
    openapi_extra={"parameters": query_parameters(), **form(file_only=True)},
)
async def submit_email(request: Request, principal: SubmitterDep, services: ServicesDep) -> str:
    await services.backlog.check()
    catalog = await services.languages.catalog()
    new = await read_submission(request, services.settings, catalog.codes)
    await services.languages.check(new.language)
    upload_id = await services.submissions.register(principal, new)
    return f"Your submission was registered with ID: {upload_id}"


@router.get(
    "/check_email/",
    summary="Request the execution of a submission",
    description="The program runs in its turn, and its result is mailed. Another request before that changes nothing.",
    response_model=ExecutionRequested,
    responses={
        400: {"model": ClassicError, "description": "The submission is blocked, so it may not be run."},
        404: {"model": ClassicError, "description": "There is no such submission, or it belongs to another key."},
        **_refusals(*_USUAL, Kind.QUOTA_EXCEEDED),
    },
)
async def request_execution(
    id: Annotated[AnyId, Query(description="The number of the submission.")],
    principal: SubmitterDep,
    services: ServicesDep,
) -> Response:
    await services.backlog.check()
    is_requested = await services.submissions.request_execution(principal, id)
    if is_requested is None:
        return JSONResponse({"detail": "Email not found"}, HTTPStatus.NOT_FOUND)
    if not is_requested:
        return JSONResponse({"detail": "You cannot request this code"}, HTTPStatus.BAD_REQUEST)
    services.outbox_publisher.wake.set()
    return JSONResponse({"result": "Sending to job_table.."})


@router.get(
    "/check_user/",
    summary="List a sender's submissions",
    description="Lists the newest submissions, the oldest of them first. To get those before them, send the first id as"
    " `before`.",
    response_model=SubmissionList,
    responses=_refusals(*_USUAL),
)
async def list_submissions(
    query: Annotated[ClassicListQuery, Query()], principal: ReaderDep, services: ServicesDep
) -> Response:
    return PiecewiseResponse(await prefetch(services.classic_list.pieces(principal, query)), "application/json")
