"""Posting a submission."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.dependencies import ServicesDep, SubmitterDep
from api_service.v1.bodies import FIELDS, FORM, JSON, body_bytes, read_submission
from api_service.v1.examples import SUBMISSION
from api_service.v1.idempotency import Settle, once
from api_service.v1.openapi import Schema, operation, query_parameters
from api_service.v1.problems import Kind
from api_service.v1.submission_body import SubmissionBody
from api_service.v1.visibility import owner_of, refuse_unknown
from api_service.v1.waiting import PREFER, PREFERENCE_APPLIED, WaitQuery, reserved, wait_until_final
from shared.resources import read
from shared.resources.links import Links
from shared.resources.models import Submission

router = APIRouter(tags=["submissions"])

_LOCATION: Final = {
    "Location": {"description": "The address of the submission.", "schema": {"type": "string", "format": "uri"}}
}
_EXAMPLE: Final = {"language": "py", "source": "print(int(input()) * 2)\n", "stdin": "21\n"}
_FIELDS: Final[list[Schema]] = [
    {**parameter, "required": False, "description": f"Only with a `text/*` body: {parameter['description']}"}
    for parameter in query_parameters(SubmissionBody)
    if parameter["name"] in FIELDS - {"source", "entry"}
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
    with services.bodies.hold(principal, body_bytes(request, services.settings)):
        posted = await read_submission(request, services, principal)

        async def work(settle: Settle) -> int:
            await services.backlog.check()
            if not posted.new.hold:
                await services.backlog.check_key(principal)
            made = await services.submissions.register(principal, posted.new, settle=settle)
            services.relay.wake.set()
            return made

        async def render(made: int) -> Submission:
            await wait_until_final(services, principal, made, posted.wait.seconds)
            async with services.database.connection() as connection:
                found = await read.submission(connection, made, links=Links(services.signer), owner=owner_of(principal))
            return found or refuse_unknown()

        with reserved(services, principal, posted.wait.seconds):
            answer = await once(
                request,
                services,
                principal,
                posted.content,
                work,
                render,
                status=HTTPStatus.CREATED,
                location=lambda made: f"/v1/submissions/{made}",
                wait_s=posted.wait.seconds,
            )
    answer.headers.update(posted.wait.headers)
    return answer
