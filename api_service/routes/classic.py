"""The three calls of the original system, with its answers to the letter."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from api_service.dependencies import ReaderDep, ServicesDep, SubmitterDep
from api_service.form import read_submission
from api_service.schemas import AnyId, ListQuery, SubmissionList, Upload
from api_service.settings import ApiSettings
from api_service.streaming import PiecewiseResponse, begun
from shared.http_bodies import FREE_BYTES

router = APIRouter(tags=["classic"])

_FORM: Final[dict[str, Any]] = {
    **Upload.model_json_schema(),
    "properties": {
        **Upload.model_json_schema()["properties"],
        "file": {"type": "string", "format": "binary", "description": "the program's source, text in UTF-8"},
    },
    "required": ["email", "language", "file"],
}


@router.post("/submit_email", include_in_schema=False, response_model=str)
@router.post(
    "/submit_email/",
    summary="Register a submission",
    description="The fields are read from the form, or from the query string where the form lacks them.",
    response_model=str,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def submit_email(
    request: Request,
    principal: SubmitterDep,
    services: ServicesDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
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


@router.get("/check_email", include_in_schema=False)
@router.get("/check_email/", summary="Ask for the execution of a submission", response_model=dict[str, str])
async def check_email(
    id: Annotated[AnyId, Query()],  # noqa: A002
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


@router.get("/check_user", include_in_schema=False)
@router.get(
    "/check_user/",
    summary="List a sender's submissions",
    description="The newest, the oldest of them first. For the page before it, send its first id as `before`.",
    response_model=SubmissionList,
)
async def check_user(query: Annotated[ListQuery, Query()], principal: ReaderDep, services: ServicesDep) -> Response:
    return PiecewiseResponse(await begun(services.listing.pieces(principal, query)), "application/json")
