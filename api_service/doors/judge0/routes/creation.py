"""Creates submissions: `POST /submissions` and `POST /submissions/batch`."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api_service.access.auth import Principal
from api_service.doors.door import post
from api_service.doors.judge0.access import Submitter, is_local
from api_service.doors.judge0.configuration import Configuration, ConfigurationDep, require_open
from api_service.doors.judge0.errors import bad_request
from api_service.doors.judge0.parameters import Parameters, Shown, is_on, of_batch, read, shown
from api_service.doors.judge0.programs import request_of, submission_of
from api_service.doors.judge0.routes.reading import read_one
from api_service.doors.judge0.validation import Invalid, SubmissionRequest, check
from api_service.http.problems import Kind, Problem
from api_service.services import Services, ServicesDep
from api_service.settings import ApiSettings
from api_service.v1.body.receive import receiving
from api_service.v1.protocol.threads import run_in_thread_if_large
from api_service.v1.reads.waiting import reserved, wait_until_final
from shared.accounts.webhooks import WebhookSettings
from shared.database.connection import Connection
from shared.http.loopback import is_loopback
from shared.judge0 import store

router = APIRouter()

#: The most seconds that an answer waits. The longest submission needs less: 20 runs of 20 seconds, and its compiler.
LONGEST_WAIT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Creator:
    """Creates the submissions of one request. With `guards_callback`, callbacks go only where webhooks may go."""

    services: Services
    configuration: Configuration
    principal: Principal
    guards_callback: bool

    async def require_room(self, number: int) -> None:
        """Raise `Problem` (503) if the sender's queue has no room for so many more submissions.

        Others' requests do not fill it: for these there is the whole backlog.
        """
        limit = self.configuration.max_queue_size
        async with self.services.database.connection() as connection:
            if await store.waiting(connection, self.principal.key_id, limit=limit + 1) + number > limit:
                raise Problem(Kind.UNAVAILABLE, "queue is full")

    async def checked(
        self, sent: Sequence[Parameters], *, base64: bool, size: int
    ) -> list[SubmissionRequest | Invalid]:
        """Return the checked requests of a body of `size` bytes, with `Invalid` in place of those with faults."""
        catalog = await self.services.languages.catalog()

        def check_one(parameters: Parameters) -> SubmissionRequest | Invalid:
            try:
                return check(parameters, catalog, self.configuration, base64=base64)
            except Invalid as exc:
                return exc

        return await run_in_thread_if_large(size, lambda: [check_one(parameters) for parameters in sent])

    async def create(self, asked: SubmissionRequest) -> tuple[int, UUID]:
        """Store a submission, request its run, and return its id and its token. Raises `Problem`."""
        bounds = asked.language.engine_language.limits if asked.language.engine_language else {}
        if not bounds:
            raise Problem(Kind.UNAVAILABLE, "The engine has not reported its limits yet; try again in a few seconds.")
        room = len(asked.source or b"") + self.configuration.max_extract_size * 1024
        largest = min(self.services.settings.max_source_bytes, room)
        # It unpacks the additional files.
        size = len(asked.additional_files or b"")
        new = await run_in_thread_if_large(size, lambda: submission_of(asked, bounds, largest_program=largest))
        request = {**request_of(asked), "guards_callback": self.guards_callback}
        token = uuid4()

        async def remember(connection: Connection, upload: int) -> None:
            await store.remember(connection, upload, token, request)

        return await post(self.services, self.principal, new, remember), token


def guards_callbacks(settings: ApiSettings, webhooks: WebhookSettings, *, is_local: bool) -> bool:
    """Return True unless server and sender are of one machine, and the operator has not said where webhooks may go.

    Judge0 calls every address. A server that others can reach would open the operator's network to them, and so would
    one that listens on loopback behind a proxy. So the request itself must be from this machine too.
    """
    return not (is_local and is_loopback(settings.host)) or webhooks.webhook_allowed_hosts is not None


async def _creator(
    request: Request, principal: Submitter, services: ServicesDep, configuration: ConfigurationDep
) -> Creator:
    guards = guards_callbacks(services.settings, services.webhooks, is_local=is_local(request, services))
    return Creator(services, configuration, principal, guards)


CreatorDep = Annotated[Creator, Depends(_creator)]


@router.post("/submissions")
async def create_submission(request: Request, creator: CreatorDep) -> Response:
    services, principal = creator.services, creator.principal
    with ExitStack() as waiting:
        # While the answer waits, neither the body nor the submission is in memory.
        created = await _create(request, creator, waiting)
        if isinstance(created, Invalid):
            return JSONResponse(created.errors, HTTPStatus.UNPROCESSABLE_ENTITY)
        if not created.waits:
            return JSONResponse({"token": str(created.token)}, HTTPStatus.CREATED)
        await wait_until_final(services, principal, created.upload, LONGEST_WAIT_S)
    try:
        return JSONResponse(await read_one(services, principal, str(created.token), created.how), HTTPStatus.CREATED)
    except Problem as exc:
        if exc.kind is Kind.NOT_FOUND:
            raise
        return JSONResponse({"token": str(created.token), "error": exc.detail}, HTTPStatus.CREATED)


@dataclass(frozen=True, slots=True)
class _CreatedSubmission:
    """A submission that was stored, and how its answer is shown."""

    upload: int
    token: UUID
    how: Shown
    waits: bool


async def _create(request: Request, creator: Creator, waiting: ExitStack) -> _CreatedSubmission | Invalid:
    """Store the submission of a request. Its wait counts until `waiting` is closed."""
    async with receiving(request, creator.services, creator.principal, counts_refused=False) as body:
        parameters = await read(request)
        require_open(creator.configuration)
        waits = is_on(parameters, "wait")
        if waits and not creator.configuration.enable_wait_result:
            raise bad_request("wait not allowed")
        await creator.require_room(1)
        how = shown(parameters)
        [asked] = await creator.checked([parameters], base64=how.base64, size=len(body))
        if isinstance(asked, Invalid):
            return asked
        waiting.enter_context(reserved(creator.services, creator.principal, LONGEST_WAIT_S if waits else 0))
        return _CreatedSubmission(*await creator.create(asked), how, waits)


@router.post("/submissions/batch")
async def create_batch(request: Request, creator: CreatorDep) -> Response:
    async with receiving(request, creator.services, creator.principal, counts_refused=False) as body:
        parameters = await read(request)
        require_open(creator.configuration)
        sent = of_batch(parameters.get("submissions"), creator.configuration)
        await creator.require_room(len(sent))
        contents = [content if isinstance(content, dict) else {} for content in sent]
        requests = await creator.checked(contents, base64=is_on(parameters, "base64_encoded"), size=len(body))
        answers = [await _created(creator, asked) for asked in requests]
    is_any = any("token" in answer for answer in answers)
    return JSONResponse(answers, HTTPStatus.CREATED if is_any else HTTPStatus.UNPROCESSABLE_ENTITY)


async def _created(creator: Creator, asked: SubmissionRequest | Invalid) -> dict[str, Any]:
    """Return the token of a new submission, or why there is none. Those before it are stored already."""
    if isinstance(asked, Invalid):
        return dict(asked.errors)
    try:
        _, token = await creator.create(asked)
        return {"token": str(token)}
    except Problem as exc:
        return {"error": exc.detail}
