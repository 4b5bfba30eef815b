"""The three calls of the original system, with its answers to the letter."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic.json_schema import SkipJsonSchema

from api_service.dependencies import ReaderDep, ServicesDep, SubmitterDep
from api_service.form import read_submission
from api_service.openapi import form, query_parameters
from api_service.problems import described
from api_service.schemas import (
    IDEMPOTENCY_KEY,
    AnyId,
    ClassicError,
    ExecutionRequested,
    ListQuery,
    SubmissionList,
)
from api_service.settings import ApiSettings
from api_service.streaming import PiecewiseResponse, begun
from shared.http_bodies import FREE_BYTES

router = APIRouter(tags=["classic"])

_ACCESS: Final = {
    HTTPStatus.UNAUTHORIZED: "There is no API key in the request, or it is not valid.",
    HTTPStatus.FORBIDDEN: "The API key lacks the scope for this call; or no key exists yet, and the request is not"
    " from the user that runs the server.",
}
_INVALID: Final = {HTTPStatus.UNPROCESSABLE_ENTITY: "A value is missing or not valid: `detail` says which, and why."}
_USED_UP: Final = {HTTPStatus.TOO_MANY_REQUESTS: "A budget of the API key or of the address is used up for now."}
_AWAY: Final = {HTTPStatus.SERVICE_UNAVAILABLE: "The server has too much to do, or a part of it is away for now."}
_SUBMISSION: Final = described(
    {
        HTTPStatus.BAD_REQUEST: "The form cannot be read.",
        **_ACCESS,
        HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time.",
        HTTPStatus.CONFLICT: "The `id` is taken, or the `Idempotency-Key` came with another submission.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The program, its input or the whole body is too large.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no form with a file, or not in UTF-8.",
        **_INVALID,
        **_USED_UP,
        **_AWAY,
    }
)
_REGISTERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The submission is registered. It runs when `/check_email/` asks for it.",
        "content": {"application/json": {"example": "Your submission was registered with ID: 5"}},
    }
}


@router.post(
    "/submit_email",
    operation_id="submit_form",
    summary="Register a submission, with all fields in the form",
    description="The same call as `/submit_email/`. What the form lacks is read from the query string here too.",
    response_model=str,
    responses={**_REGISTERED, **_SUBMISSION},
    openapi_extra=form(),
)
@router.post(
    "/submit_email/",
    operation_id="submit_query",
    summary="Register a submission, with its fields in the query string",
    description="The original system's call. The fields may come in the form instead, which `/submit_email` describes."
    " A URL has room for 64 KiB, so send long `inputs` in the form.",
    response_model=str,
    responses={**_REGISTERED, **_SUBMISSION},
    openapi_extra={"parameters": query_parameters(), **form(of_file_alone=True)},
)
async def submit_email(
    request: Request,
    principal: SubmitterDep,
    services: ServicesDep,
    idempotency_key: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            pattern=IDEMPOTENCY_KEY,
            description="Any text of your choice that is new for each submission. If an answer is lost, send the same"
            " request with the same key: it is registered once.",
        ),
    ] = None,
) -> str:
    await services.backlog.check()
    with services.bodies.hold(principal, _body_bytes(request, services.settings)):
        upload, file = await read_submission(request, services.settings)
        await services.offered.check(upload.language)
        upload_id = await services.submissions.register(principal, upload, file, idempotency_key)
    return f"Your submission was registered with ID: {upload_id}"


def _body_bytes(request: Request, settings: ApiSettings) -> int:
    """Return the bytes of the body beyond those that every connection may use."""
    declared = request.headers.get("Content-Length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 20 else settings.largest_body_bytes
    return max(0, min(size, settings.largest_body_bytes) - FREE_BYTES)


@router.get(
    "/check_email/",
    operation_id="request_execution",
    summary="Ask for the execution of a submission",
    description="The program runs in turn, and its result is mailed. Asking again before that changes nothing.",
    response_model=ExecutionRequested,
    responses={
        400: {"model": ClassicError, "description": "The submission is blocked, so it may not be run."},
        404: {"model": ClassicError, "description": "There is no such submission, or it is another key's."},
        **described({**_ACCESS, **_INVALID, **_USED_UP, **_AWAY}),
    },
)
async def check_email(
    id: Annotated[AnyId, Query(description="The number of the submission.")],  # noqa: A002
    principal: SubmitterDep,
    services: ServicesDep,
) -> Response:
    await services.backlog.check()
    await services.backlog.check_key(principal)
    asked = await services.submissions.ask_for_execution(principal, id)
    if asked is None:
        return JSONResponse({"detail": "Email not found"}, HTTPStatus.NOT_FOUND)
    if not asked:
        return JSONResponse({"detail": "You cannot request this code"}, HTTPStatus.BAD_REQUEST)
    services.relay.wake.set()
    return JSONResponse({"result": "Sending to job_table.."})


@router.get(
    "/check_user/",
    operation_id="list_submissions",
    summary="List a sender's submissions",
    description="The newest, the oldest of them first. For the page before it, send its first id as `before`.",
    response_model=SubmissionList,
    responses=described({**_ACCESS, **_INVALID, **_AWAY}),
)
async def check_user(query: Annotated[ListQuery, Query()], principal: ReaderDep, services: ServicesDep) -> Response:
    return PiecewiseResponse(await begun(services.listing.pieces(principal, query)), "application/json")
