"""Reads submissions, and deletes them: `GET /submissions`, `/submissions/batch` and `/submissions/{token}`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_service.access.auth import Principal
from api_service.doors.judge0.access import Admin, Reader
from api_service.doors.judge0.configuration import ConfigurationDep, require_open
from api_service.doors.judge0.errors import bad_request
from api_service.doors.judge0.parameters import Parameters, Shown, of_batch, read, shown
from api_service.http.problems import Kind, Problem
from api_service.services import Services, ServicesDep
from api_service.submissions.delete import delete
from api_service.v1.reads.visibility import owner_of
from shared.judge0 import store
from shared.judge0.fields import NotText, fields_of
from shared.judge0.statuses import DESCRIPTIONS, Status

router = APIRouter()

_PER_PAGE: Final = 20
_LARGEST: Final = 1 << 31
_ONE: Final = "this submission"
_SEVERAL: Final = "one or more submissions"


@router.get("/submissions/batch")
async def read_batch(
    request: Request, principal: Reader, services: ServicesDep, configuration: ConfigurationDep
) -> Response:
    parameters = await read(request)
    text = parameters.get("tokens") or request.headers.get("tokens") or ""
    tokens = of_batch([token.strip() for token in str(text).split(",") if token.strip()], configuration)
    how = shown(parameters)
    del parameters  # they may be large, and must not be in memory while the answer waits for the database
    return JSONResponse({"submissions": await read_all(services, principal, [*map(token_of, tokens)], how)})


@router.get("/submissions")
async def list_submissions(request: Request, principal: Admin, services: ServicesDep) -> Response:
    parameters = await read(request)
    page = _whole(parameters, "page", default=1, least=1)
    per_page = _whole(parameters, "per_page", default=_PER_PAGE, least=0)
    how = shown(parameters)
    async with services.database.connection() as connection:
        tokens, total = await store.page(connection, limit=per_page, offset=(page - 1) * per_page)
    page_of = await read_all(services, principal, tokens, how)
    pages = max(1, -(-total // per_page)) if per_page else 1
    meta = {
        "current_page": page,
        "next_page": page + 1 if page < pages else None,
        "prev_page": page - 1 if page > 1 else None,
        "total_pages": pages,
        "total_count": total,
    }
    return JSONResponse({"submissions": [submission for submission in page_of if submission is not None], "meta": meta})


@router.get("/submissions/{token}")
async def get_submission(request: Request, token: str, principal: Reader, services: ServicesDep) -> Response:
    how = shown(await read(request))
    return JSONResponse(await read_one(services, principal, token, how))


@router.delete("/submissions/{token}")
async def delete_submission(
    request: Request, token: str, principal: Admin, services: ServicesDep, configuration: ConfigurationDep
) -> Response:
    require_open(configuration)
    if not configuration.enable_submission_delete:
        raise bad_request("delete not allowed")
    how = replace(shown(await read(request)), base64=True)
    upload = await upload_of(services, principal, token)
    number = (await read_one(services, principal, token, replace(how, fields=["status_id"])))["status_id"]
    if number in (Status.IN_QUEUE, Status.PROCESSING):
        error = f"submission cannot be deleted because its status is {number} ({DESCRIPTIONS[number]})"
        raise bad_request(error)
    deleted = await read_one(services, principal, token, how)
    if not await delete(services.database, services.store, upload):
        raise Problem(Kind.NOT_FOUND, "")
    return JSONResponse(deleted)


def token_of(text: str) -> UUID | None:
    """Return the text as a token; None if it is not one."""
    try:
        token = UUID(text)
    except ValueError:
        return None
    return token if str(token) == text.lower() else None


async def upload_of(services: Services, principal: Principal, text: str) -> int:
    """Return the id of a submission. Raises `Problem` (404) if there is none, or if the sender may not see it."""
    token = token_of(text)
    async with services.database.connection() as connection:
        upload = token and await store.upload_of(connection, token, owner=owner_of(principal))
    if not upload:
        raise Problem(Kind.NOT_FOUND, "")
    return upload


async def read_one(services: Services, principal: Principal, text: str, how: Shown) -> dict[str, Any]:
    """Return a submission. Raises `Problem`: 404, or 400 if it needs base64."""
    [submission] = await _read(services, principal, [token_of(text)], how, _ONE)
    if submission is None:
        raise Problem(Kind.NOT_FOUND, "")
    return submission


async def read_all(
    services: Services, principal: Principal, tokens: Sequence[UUID | None], how: Shown
) -> list[dict[str, Any] | None]:
    """Return submissions in their order, with None for those that do not exist or that the sender may not see."""
    return await _read(services, principal, tokens, how, _SEVERAL)


async def _read(
    services: Services, principal: Principal, tokens: Sequence[UUID | None], how: Shown, what: str
) -> list[dict[str, Any] | None]:
    known = [token for token in tokens if token is not None]
    async with services.database.connection() as connection:
        weights = await store.weights(connection, known, owner=owner_of(principal))
    with services.response_memory.hold(principal, sum(weights.get(token, 0) for token in known)):
        return [
            await _one(services, token, how, what) if token is not None and token in weights else None
            for token in tokens
        ]


async def _one(services: Services, token: UUID, how: Shown, what: str) -> dict[str, Any] | None:
    async with services.database.connection() as connection:
        submission = await store.find(connection, services.store, token, with_source=how.has_source)
    if submission is None:
        return None
    try:
        return fields_of(submission, how.fields, base64=how.base64)
    except NotText:
        raise bad_request(not_text(what)) from None


def not_text(what: str = _ONE) -> str:
    """Return the message that a submission cannot be shown without base64."""
    return f"some attributes for {what} cannot be converted to UTF-8, use base64_encoded=true query parameter"


def _whole(parameters: Parameters, name: str, *, default: int, least: int) -> int:
    """Return a whole number from the query. Raises `Problem` (400) if it is too small."""
    raw: Any = parameters.get(name, default)
    try:
        number = int(raw)
    except (ValueError, TypeError, OverflowError):
        number = 0
    if number < least:
        raise bad_request(f"invalid {name}: {number}")
    return min(number, _LARGEST)
