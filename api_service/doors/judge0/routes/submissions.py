"""`/submissions`: create one, and list all."""

from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_service.doors.judge0.access import Admin
from api_service.doors.judge0.creation import Creator, CreatorDep, require_open
from api_service.doors.judge0.parameters import Parameters, Shown, is_on, read, shown
from api_service.doors.judge0.reading import read_all, read_one
from api_service.doors.judge0.refusals import bad_request
from api_service.doors.judge0.validation import Invalid, SubmissionRequest
from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep
from api_service.v1.body.read import body_bytes, release_body
from api_service.v1.reads.waiting import reserved, wait_until_final
from shared.judge0 import store

router = APIRouter()

#: The most seconds that an answer waits. The longest submission needs less: 20 runs of 20 seconds, and its compiler.
LONGEST_WAIT_S: Final = 600.0
_PER_PAGE: Final = 20
_LARGEST: Final = 1 << 31


@router.post("/submissions")
async def create_submission(request: Request, creator: CreatorDep) -> Response:
    services, size = creator.services, body_bytes(request, creator.services.settings)
    async with AsyncExitStack() as turn:
        turn.enter_context(services.body_memory.hold(creator.principal, size))
        await request.body()
        await turn.enter_async_context(services.body_semaphore.take(creator.principal))
        return await _created(request, creator, turn, size)


async def _asked(request: Request, creator: Creator, size: int) -> tuple[SubmissionRequest | Invalid, Shown, bool]:
    """Return the checked request, how its answer is shown, and True if it waits for its result."""
    parameters = await read(request)
    require_open(creator.configuration)
    waits = is_on(parameters, "wait")
    if waits and not creator.configuration.enable_wait_result:
        raise bad_request("wait not allowed")
    await creator.require_room(1)
    how = shown(parameters)
    [asked] = await creator.checked([parameters], base64=how.base64, size=size)
    return asked, how, waits


async def _created(request: Request, creator: Creator, turn: AsyncExitStack, size: int) -> Response:
    """Return the answer. Before it waits, the `turn` ends."""
    services, principal = creator.services, creator.principal
    asked, how, waits = await _asked(request, creator, size)
    if isinstance(asked, Invalid):
        return JSONResponse(asked.errors, HTTPStatus.UNPROCESSABLE_ENTITY)
    with reserved(services, principal, LONGEST_WAIT_S if waits else 0):
        upload, token = await creator.create(asked)
        if not waits:
            return JSONResponse({"token": str(token)}, HTTPStatus.CREATED)
        del asked
        await turn.aclose()
        release_body(request)
        await wait_until_final(services, principal, upload, LONGEST_WAIT_S)
    try:
        return JSONResponse(await read_one(services, principal, str(token), how), HTTPStatus.CREATED)
    except Problem as exc:
        if exc.kind is Kind.NOT_FOUND:
            raise
        return JSONResponse({"token": str(token), "error": exc.detail}, HTTPStatus.CREATED)


@router.get("/submissions")
async def list_submissions(request: Request, principal: Admin, services: ServicesDep) -> Response:
    parameters = await read(request)
    page = _whole(parameters, "page", default=1, least=1)
    per_page = _whole(parameters, "per_page", default=_PER_PAGE, least=0)
    how = shown(parameters)
    async with services.database.connection() as connection:
        tokens, total = await store.page(connection, limit=per_page, offset=(page - 1) * per_page)
    found = await read_all(services, principal, tokens, how)
    pages = max(1, -(-total // per_page)) if per_page else 1
    meta = {
        "current_page": page,
        "next_page": page + 1 if page < pages else None,
        "prev_page": page - 1 if page > 1 else None,
        "total_pages": pages,
        "total_count": total,
    }
    return JSONResponse({"submissions": [one for one in found if one is not None], "meta": meta})


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
