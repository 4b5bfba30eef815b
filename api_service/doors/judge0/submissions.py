"""The calls that create, read and delete submissions."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api_service.access.principal import Principal
from api_service.doors.door import Reader, Submitter, is_local
from api_service.doors.judge0.configuration import ConfigurationDep, require_open
from api_service.doors.judge0.parameters import (
    Admin,
    Parameters,
    Shown,
    bad_request,
    is_on,
    of_batch,
    read,
    shown,
    whole,
)
from api_service.doors.judge0.port import Judge0Port, PortDep, Waiter
from api_service.doors.judge0.program import request_of, submission_of
from api_service.doors.judge0.validation import Errors, SubmissionRequest, check
from api_service.http.errors import ApiError, Kind
from api_service.requests.threads import run_in_thread_if_large
from shared.adapters.database.connection import Connection
from shared.common.http.disconnect import cancel_if_gone
from shared.common.http.loopback import is_loopback
from shared.records.judge0 import submissions as store
from shared.records.judge0.statuses import Status

router = APIRouter()

#: The most seconds that an answer waits. The longest submission needs less: 20 runs of 20 seconds, and its compiler.
MAX_WAIT_S: Final = 600.0
_PER_PAGE: Final = 20
_TOKEN: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_ONE, _SEVERAL = "this submission", "one or more submissions"
_NOT_TEXT: Final = "some attributes for {} cannot be converted to UTF-8, use base64_encoded=true query parameter"


@dataclass(frozen=True, slots=True)
class Creator:
    request: Request
    principal: Submitter
    port: PortDep
    configuration: ConfigurationDep

    async def require_room(self, number: int) -> None:
        """Raise `ApiError` (503) if the sender's queue has no room for so many more submissions.

        Others' requests do not fill it: for these there is the whole backlog.
        """
        limit = self.configuration.max_queue_size
        async with self.port.database.connection() as connection:
            if await store.waiting(connection, self.principal.key_id, limit=limit + 1) + number > limit:
                raise ApiError(Kind.UNAVAILABLE, "queue is full")

    async def check(self, sent: Sequence[Parameters], *, base64: bool, size: int) -> list[SubmissionRequest | Errors]:
        """Return the checked requests of a body of `size` bytes, with errors in place of those with faults."""
        catalog = await self.port.catalog()
        return await run_in_thread_if_large(
            size, lambda: [check(parameters, catalog, self.configuration, base64=base64) for parameters in sent]
        )

    async def create(self, asked: SubmissionRequest) -> tuple[int, UUID]:
        """Store a submission, request its run, and return its id and its token. Raises `ApiError`."""
        bounds = asked.language.engine_language.limits if asked.language.engine_language else {}
        if not bounds:
            raise ApiError(Kind.UNAVAILABLE, "The engine has not reported its limits yet; try again in a few seconds.")
        room = len(asked.values["source_code"] or b"") + self.configuration.max_extract_size * 1024
        max_bytes = min(self.port.settings.max_source_bytes, room)
        # It unpacks the additional files.
        size = len(asked.values["additional_files"] or "")
        new = await run_in_thread_if_large(size, lambda: submission_of(asked, bounds, max_program=max_bytes))
        host, hosts = self.port.settings.host, self.port.webhook_allowed_hosts
        guards_callback = guards_callbacks(host, hosts, is_local=is_local(self.request))
        request = {**request_of(asked), "guards_callback": guards_callback}
        token = uuid4()

        async def remember(connection: Connection, upload: int) -> None:
            await store.remember(connection, upload, token, request)

        return await self.port.submit(self.principal, new, remember), token


def guards_callbacks(host: str, allowed_hosts: str | None, *, is_local: bool) -> bool:
    """Return True unless server and sender are of one machine, and the operator has not said where webhooks may go.

    Judge0 calls every address. A server that others can reach would open the operator's network to them, and so would
    one that listens on loopback behind a proxy. So the request itself must be from this machine too.
    """
    return not (is_local and is_loopback(host)) or allowed_hosts is not None


CreatorDep = Annotated[Creator, Depends()]


@router.post("/submissions")
async def create_submission(creator: CreatorDep) -> Response:
    port, principal = creator.port, creator.principal
    with ExitStack() as held:
        # While the answer waits, neither the body nor the submission is in memory.
        created = await _create(creator, held)
        if isinstance(created, dict):
            return JSONResponse(created, HTTPStatus.UNPROCESSABLE_ENTITY)
        upload, token, how, waiter = created
        if how is None:
            return JSONResponse({"token": str(token)}, HTTPStatus.CREATED)
        await cancel_if_gone(creator.request.receive, waiter.until_final(upload))
    try:
        return JSONResponse(await _read_one(port, principal, str(token), how), HTTPStatus.CREATED)
    except ApiError as exc:
        if exc.kind is Kind.NOT_FOUND:
            raise
        return JSONResponse({"token": str(token), "error": exc.detail}, HTTPStatus.CREATED)


async def _create(creator: Creator, held: ExitStack) -> tuple[int, UUID, Shown | None, Waiter] | Errors:
    """Store the submission of a request, and return its id, its token, and how it is shown if the answer waits for it.

    The wait counts until `held` is closed.
    """
    async with creator.port.receiving(creator.request, creator.principal) as body:
        parameters = await read(creator.request)
        require_open(creator.configuration)
        waits = is_on(parameters, "wait")
        if waits and not creator.configuration.enable_wait_result:
            raise bad_request("wait not allowed")
        await creator.require_room(1)
        how = shown(parameters)
        [asked] = await creator.check([parameters], base64=how.base64, size=len(body))
        if isinstance(asked, dict):
            return asked
        waiter = held.enter_context(creator.port.waiting(creator.principal, MAX_WAIT_S if waits else 0))
        return *await creator.create(asked), how if waits else None, waiter


@router.post("/submissions/batch")
async def create_batch(creator: CreatorDep) -> Response:
    async with creator.port.receiving(creator.request, creator.principal) as body:
        parameters = await read(creator.request)
        require_open(creator.configuration)
        sent = of_batch(parameters.get("submissions"), creator.configuration)
        await creator.require_room(len(sent))
        contents = [content if isinstance(content, dict) else {} for content in sent]
        requests = await creator.check(contents, base64=is_on(parameters, "base64_encoded"), size=len(body))
        answers = [await _created(creator, asked) for asked in requests]
    is_any = any("token" in answer for answer in answers)
    return JSONResponse(answers, HTTPStatus.CREATED if is_any else HTTPStatus.UNPROCESSABLE_ENTITY)


async def _created(creator: Creator, asked: SubmissionRequest | Errors) -> dict[str, Any]:
    """Return the token of a new submission, or why there is none. Those before it are stored already."""
    if isinstance(asked, dict):
        return dict(asked)
    try:
        _, token = await creator.create(asked)
        return {"token": str(token)}
    except ApiError as exc:
        return {"error": exc.detail}


@router.get("/submissions/batch")
async def read_batch(request: Request, principal: Reader, port: PortDep, configuration: ConfigurationDep) -> Response:
    parameters = await read(request)
    text = parameters.get("tokens") or request.headers.get("tokens") or ""
    tokens = of_batch([token.strip() for token in str(text).split(",") if token.strip()], configuration)
    how = shown(parameters)
    del parameters  # they may be large, and must not be in memory while the answer waits for the database
    return JSONResponse({"submissions": await _read(port, principal, [*map(_token, tokens)], how, _SEVERAL)})


@router.get("/submissions")
async def list_submissions(request: Request, principal: Admin, port: PortDep) -> Response:
    parameters = await read(request)
    page = whole(parameters, "page", default=1, minimum=1)
    per_page = whole(parameters, "per_page", default=_PER_PAGE, minimum=0)
    how = shown(parameters)
    tokens, total = await port.database.call(store.page, limit=per_page, offset=(page - 1) * per_page)
    page_of = await _read(port, principal, tokens, how, _SEVERAL)
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
async def get_submission(request: Request, token: str, principal: Reader, port: PortDep) -> Response:
    how = shown(await read(request))
    return JSONResponse(await _read_one(port, principal, token, how))


@router.delete("/submissions/{token}")
async def delete_submission(
    request: Request, token: str, principal: Admin, port: PortDep, configuration: ConfigurationDep
) -> Response:
    require_open(configuration)
    if not configuration.enable_submission_delete:
        raise bad_request("delete not allowed")
    how = replace(shown(await read(request)), base64=True)
    values = await _read_one(port, principal, token, replace(how, fields=[*how.fields, "status_id"]))
    number: Status = values["status_id"]
    if number <= Status.PROCESSING:
        raise bad_request(f"submission cannot be deleted because its status is {number} ({number.description})")
    visible = await port.database.call(store.visible, [UUID(token)], owner=None)
    if not visible or not await port.delete(visible[UUID(token)]["upload"]):
        raise ApiError(Kind.NOT_FOUND, "")
    return JSONResponse({name: values[name] for name in how.fields})


def _token(text: str) -> UUID | None:
    return UUID(text) if _TOKEN.fullmatch(text) else None


async def _read_one(port: Judge0Port, principal: Principal, text: str, how: Shown) -> dict[str, Any]:
    [submission] = await _read(port, principal, [_token(text)], how, _ONE)
    if submission is None:
        raise ApiError(Kind.NOT_FOUND, "")
    return submission


async def _read(
    port: Judge0Port, principal: Principal, tokens: Sequence[UUID | None], how: Shown, what: str
) -> list[dict[str, Any] | None]:
    """Return submissions in their order, with None where one does not exist or the sender may not see it.

    Raises `ApiError` (400) if a text needs base64. It calls the submissions `what`.
    """
    known = [token for token in tokens if token is not None]
    visible = await port.database.call(store.visible, known, owner=principal.visible_owner)
    found = [visible.get(token) if token else None for token in tokens]
    with port.response_memory.hold(principal, sum(row["weight"] for row in found if row)):
        return [await _one(port, row["upload"], how, what) if row else None for row in found]


async def _one(port: Judge0Port, upload: int, how: Shown, what: str) -> dict[str, Any] | None:
    has_source = "source_code" in how.fields
    values = await port.database.call(store.find, port.store, upload, with_source=has_source)
    try:
        return values and store.fields_of(values, how.fields, base64=how.base64)
    except store.NotText:
        raise bad_request(_NOT_TEXT.format(what)) from None
