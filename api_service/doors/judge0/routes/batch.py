"""`/submissions/batch`: create and read several at once."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_service.doors.judge0.access import Reader
from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.creation import ConfigurationDep, Creator, CreatorDep, require_open
from api_service.doors.judge0.parameters import is_on, read, shown
from api_service.doors.judge0.reading import read_all, token_of
from api_service.doors.judge0.refusals import bad_request
from api_service.doors.judge0.validation import Invalid, SubmissionRequest
from api_service.http.problems import Problem
from api_service.services import ServicesDep
from api_service.v1.body.read import body_bytes

router = APIRouter()


@router.post("/submissions/batch")
async def create_batch(request: Request, creator: CreatorDep) -> Response:
    services, size = creator.services, body_bytes(request, creator.services.settings)
    with services.body_memory.hold(creator.principal, size):
        await request.body()
        async with services.body_semaphore.take(creator.principal):
            asked = await _asked(request, creator, size)
        answers = [await _created(creator, one) for one in asked]
    is_any = any("token" in one for one in answers)
    return JSONResponse(answers, HTTPStatus.CREATED if is_any else HTTPStatus.UNPROCESSABLE_ENTITY)


async def _asked(request: Request, creator: Creator, size: int) -> list[SubmissionRequest | Invalid]:
    """Return the checked requests of a batch. `size` is that of the body."""
    parameters = await read(request)
    require_open(creator.configuration)
    sent = _checked_number(parameters.get("submissions"), creator.configuration)
    await creator.require_room(len(sent))
    each = [one if isinstance(one, dict) else {} for one in sent]
    return await creator.checked(each, base64=is_on(parameters, "base64_encoded"), size=size)


async def _created(creator: Creator, asked: SubmissionRequest | Invalid) -> dict[str, Any]:
    """Return the token of a new submission, or why there is none. Those before it are stored already."""
    if isinstance(asked, Invalid):
        return dict(asked.errors)
    try:
        _, token = await creator.create(asked)
        return {"token": str(token)}
    except Problem as exc:
        return {"error": exc.detail}


@router.get("/submissions/batch")
async def read_batch(
    request: Request, principal: Reader, services: ServicesDep, configuration: ConfigurationDep
) -> Response:
    parameters = await read(request)
    text = parameters.get("tokens") or request.headers.get("tokens") or ""
    tokens = _checked_number([one.strip() for one in str(text).split(",") if one.strip()], configuration)
    how = shown(parameters)
    del parameters  # they may be large, and must not be in memory while the answer waits for the database
    return JSONResponse({"submissions": await read_all(services, principal, [*map(token_of, tokens)], how)})


def _checked_number(several: Any, configuration: Configuration) -> Sequence[Any]:
    """Return the submissions of a batch, or their tokens. Raises `Problem` (400) if there may not be as many."""
    if not configuration.enable_batched_submissions:
        raise bad_request("batched submissions are not allowed")
    if not isinstance(several, list) or not several:
        raise bad_request("there should be at least one submission in a batch")
    most = configuration.max_submission_batch_size
    if len(several) > most:
        error = f"number of submissions in a batch should be less than or equal to {most}"
        raise bad_request(error)
    return several
