"""Posting a submission."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.access.auth import Principal
from api_service.http.problems import Kind
from api_service.services import Services, ServicesDep, SubmitterDep
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.rows import Stored
from api_service.submissions.service import OnStored
from api_service.v1.body.read import FORM, JSON, body_bytes, read_submission, release_body
from api_service.v1.body.submission import SubmissionBody
from api_service.v1.body.turn import reading
from api_service.v1.protocol.examples import SUBMISSION
from api_service.v1.protocol.idempotency import HEADER as IDEMPOTENCY_KEY
from api_service.v1.protocol.idempotency import once
from api_service.v1.protocol.openapi import Schema, operation, query_parameters
from api_service.v1.reads.visibility import visible_submission
from api_service.v1.reads.waiting import PREFER, PREFERENCE_APPLIED, WaitQuery, reserved, wait_until_final
from shared.resources.mapping import posted
from shared.resources.models import Submission

router = APIRouter(tags=["submissions"])

_LOCATION: Final = {
    "Location": {"description": "The address of the submission.", "schema": {"type": "string", "format": "uri"}}
}
_EXAMPLE: Final = {"language": "py", "source": "print(int(input()) * 2)\n", "stdin": "21\n"}
_FIELDS: Final[list[Schema]] = [
    {**parameter, "required": False, "description": f"Only with a `text/*` body: {parameter['description']}"}
    for parameter in query_parameters(SubmissionBody)
    if parameter["schema"].get("type") in ("string", "boolean")
    and parameter["name"] in SubmissionBody.model_fields.keys() - {"source", "entry"}
]
_FORM: Final[Schema] = {
    "type": "object",
    "description": "The keys of the JSON body as fields or in the part `submission`, and the files.",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "array",
            "description": "The files; the file name of each part is its `path`. A `.zip` that is alone is unpacked.",
            "items": {"type": "string", "format": "binary"},
        },
        "submission": {"type": "string", "contentMediaType": JSON, "description": "All other keys as JSON."},
        **{parameter["name"]: parameter["schema"] for parameter in _FIELDS},
        "entry": {"type": "string", "description": "The path that is run."},
    },
    "additionalProperties": False,
}
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "description": "The source; the other keys are in the query."}


@router.post(
    "/submissions",
    **operation(
        "create_submission",
        "Run a program",
        "Registers a program and requests its run, unless it is held. With `wait`, the answer waits for the result.",
        answer=Submission,
        status=HTTPStatus.CREATED,
        example=SUBMISSION,
        body={JSON: SubmissionBody, FORM: _FORM, "text/plain": _TEXT},
        body_example=_EXAMPLE,
        query=WaitQuery,
        parameters=[PREFER, *_FIELDS],
        headers={**_LOCATION, **PREFERENCE_APPLIED},
        problems=[Kind.REQUEST_UNDER_WAY, Kind.KEY_REUSED, Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    ),
)
async def create_submission(principal: SubmitterDep, request: Request, services: ServicesDep) -> Response:
    async with AsyncExitStack() as turn:
        turn.enter_context(services.body_memory.hold(principal, body_bytes(request, services.settings)))
        size = len(await request.body())
        await turn.enter_async_context(reading(services, principal, size))
        return await _created(request, services, principal, turn)


async def _created(request: Request, services: Services, principal: Principal, turn: AsyncExitStack) -> Response:
    posted = await read_submission(request, services, principal)
    wait, content_sha256 = posted.wait, posted.content_sha256
    creation = _Creation(request, services, principal, posted.new, wait.seconds, turn)
    del posted  # it may be large, and must not be in memory while the answer waits
    with reserved(services, principal, wait.seconds):
        answer = await once(
            request, services, principal, content_sha256, creation.store, creation.show, status=HTTPStatus.CREATED,
            location="/v1/submissions/{}", wait_s=wait.seconds,
        )  # fmt: skip
    answer.headers.update(wait.headers)
    return answer


@dataclass
class _Creation:
    """One creation of a submission. `stored` is None if an earlier request with the same key has stored it.

    Before the answer waits, `new` is dropped, because it may be large, and the `turn` ends.
    """

    request: Request
    services: Services
    principal: Principal
    new: NewSubmission | None
    wait_s: float
    turn: AsyncExitStack
    stored: Stored | None = None

    async def store(self, on_stored: OnStored) -> int:
        """Store the submission, and return its id."""
        assert self.new
        await self.services.backlog.check()
        # Without a key there is nothing to settle, which saves a transaction.
        on_stored_if_needed = on_stored if IDEMPOTENCY_KEY in self.request.headers else None
        self.stored = await self.services.submissions.post(self.principal, self.new, on_stored_if_needed)
        self.services.outbox_publisher.wake.set()
        return self.stored.id

    async def show(self, upload: int) -> Submission:
        """Return the submission, after a wait for its end."""
        services = self.services
        if self.new and self.stored and not self.wait_s:
            return await _shown(services, self.principal, self.new, self.stored)
        self.new = None
        await self.turn.aclose()
        release_body(self.request)
        await wait_until_final(services, self.principal, upload, self.wait_s)
        return await visible_submission(services, self.principal, upload)


async def _shown(services: Services, principal: Principal, new: NewSubmission, stored: Stored) -> Submission:
    """Return a submission that was stored just now. It is not read again, for speed."""
    engine_language = (await services.languages.catalog()).find(new.language)
    values = {
        **stored.values,
        "id": stored.id,
        "code": new.language,
        "created_at": stored.created_at,
        "requested_at": stored.created_at,
        "is_requested": not new.hold,
        "runs": 0 if new.hold else 1,
        "bounds": engine_language
        and json.dumps({name: bound.model_dump() for name, bound in engine_language.limits.items()}),
    }
    queue = None if new.hold else await services.queue_positions.of_posted(stored.id, principal.key_id)
    return posted(values, links=services.links, queue=queue)
