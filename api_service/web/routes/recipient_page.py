"""The recipient's page: the latest result of one submission as text, by a signed link."""

import time
from collections.abc import Iterator
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from api_service.dependencies import ServicesDep
from api_service.problems import Problem, problem_responses
from api_service.routes.files import Expires, Signature
from api_service.v1.ids import SubmissionId
from shared.resources import read
from shared.resources.links import Links
from shared.resources.models import Run, Submission

router = APIRouter(tags=["files"])

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


@router.get(
    "/pages/{id}",
    operation_id="read_page",
    summary="Read the latest result of a submission by its link",
    description="The link is `links.page` of the submission. This call needs no API key.",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "The result as text."},
        **problem_responses(
            {
                HTTPStatus.FORBIDDEN: "The link is not valid, or has expired.",
                HTTPStatus.NOT_FOUND: "The submission has been removed.",
                HTTPStatus.UNPROCESSABLE_ENTITY: "The link is incomplete.",
                HTTPStatus.SERVICE_UNAVAILABLE: "The database is unavailable.",
            }
        ),
    },
)
async def read_page(id: SubmissionId, expires: Expires, signature: Signature, services: ServicesDep) -> Response:  # noqa: A002
    if not services.signer.verifies_page(id, expires=expires, signature=signature, now=time.time()):
        raise Problem(HTTPStatus.FORBIDDEN, "This link is not valid, or has expired: ask the sender for a new one.")
    async with services.database.connection() as connection:
        submission = await read.submission(connection, id, links=Links(services.signer))
    if submission is None:
        raise Problem(HTTPStatus.NOT_FOUND, "The submission of this link has been removed.")
    return PlainTextResponse("\n".join(_lines(submission)), headers=_HEADERS)


def _lines(submission: Submission) -> Iterator[str]:
    yield f"Submission {submission.id}: {submission.verdict or submission.state}"
    if submission.run is not None:
        yield from _lines_of(submission.run)


def _lines_of(run: Run) -> Iterator[str]:
    for test in run.tests or ():
        yield f"Test {test.name}: {test.verdict or 'not run'}"
        # The input and the output of a hidden test appear on no page.
        if not test.hidden and test.stdout:
            yield test.stdout
    yield from (text for text in (run.compile_output, run.stdout, run.stderr) if text)
