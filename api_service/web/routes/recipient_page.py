"""The recipient's page: the latest result of one submission, by a signed link. Nothing else can be reached from it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from api_service.classic.routes.files import Expires, Signature
from api_service.http.integers import MAX_NUMBER
from api_service.http.openapi import problem_responses
from api_service.requests.content import content_answer
from api_service.requests.ids import SubmissionId
from api_service.services import ServicesDep
from api_service.v1.reads.stored_bytes import artifact_of_run, output_of_run
from api_service.v1.routes.output import ArtifactName
from api_service.web.link_refusal import HTML, LinkRefused, Reason
from api_service.web.locales import switched_locale
from api_service.web.rendering import SECRET, page
from api_service.web.sent_program import SentProgram, sent_program
from shared.adapters.storage.signing import LinkSigner
from shared.engine_api.artifacts import IMAGES
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.records.messages.artifact_texts import about_left_out
from shared.records.resources import read
from shared.records.resources.mapping import for_recipient
from shared.records.resources.models import Artifact, Submission
from shared.records.resources.states import FINAL_STATES

router = APIRouter(tags=["files"])

#: Each text is cut to this many bytes; there may be three of each of a hundred tests.
_TEXT_LIMIT: Final = 8 << 10
#: Bytes of the largest image that is shown in the page, not only linked.
_MAX_IMAGE: Final = 200 << 10
_REFUSALS: Final = problem_responses(
    {
        HTTPStatus.FORBIDDEN: "The link is not valid, or has expired.",
        HTTPStatus.NOT_FOUND: "The submission has been removed.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "The link is incomplete.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The database is unavailable.",
    }
)
for _status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
    _REFUSALS[_status.value]["content"]["text/html"] = HTML


async def _linked(services: ServicesDep, id: SubmissionId, expires: Expires, signature: Signature) -> Submission:
    _require_ours(lambda now: services.signer.verifies_page(id, expires=expires, signature=signature, now=now))
    submission = await services.database.call(read.submission, id, links=services.links, text_limit=_TEXT_LIMIT)
    if submission is None:
        raise LinkRefused(Reason.REMOVED)
    return for_recipient(submission)


#: The submission of a link. Raises `LinkRefused`.
LinkedDep = Annotated[Submission, Depends(_linked)]


@router.get(
    "/pages/{id}",
    operation_id="read_page",
    summary="Read the latest result of a submission by its link",
    description="The link is `links.page` of the submission. This call needs no API key. With `Accept: text/plain` the"
    " answer is plain text.",
    response_class=HTMLResponse,
    responses={
        200: {"description": "The result as a page.", "content": {"text/plain": HTML}},
        **_REFUSALS,
    },
)
async def read_page(request: Request, submission: LinkedDep, expires: Expires, services: ServicesDep) -> Response:
    accepted = request.headers.get("Accept", "")
    if "text/plain" in accepted and "text/html" not in accepted:
        return PlainTextResponse(_text(submission), headers={**SECRET, "X-Content-Type-Options": "nosniff"})
    sent = await sent_program(services.database, services.store, submission.id, text_limit=_TEXT_LIMIT)
    return _page(request, services.signer, submission, sent, expires)


@router.get("/pages/{id}/output", include_in_schema=False)
async def read_output(request: Request, submission: LinkedDep, services: ServicesDep) -> Response:
    """Answer with the whole output. That of tests is not there: some of them may be hidden."""
    if submission.run is None or submission.run.tests is not None:
        raise LinkRefused(Reason.REMOVED)
    content = await output_of_run(services.database, services.store, submission.id, None, "stdout")
    if content is None:
        raise LinkRefused(Reason.REMOVED)
    return await content_answer(request, content)


@router.get("/pages/{id}/artifacts/{name}", include_in_schema=False)
async def read_artifact(
    request: Request,
    id: SubmissionId,
    name: ArtifactName,
    expires: Expires,
    signature: Signature,
    services: ServicesDep,
    run: Annotated[int, Query(ge=1, le=MAX_NUMBER)],
) -> Response:
    """Answer with a file that the program wrote in one run, which its link names."""
    _require_ours(lambda now: services.signer.verifies_run(id, run, expires=expires, signature=signature, now=now))
    content = await artifact_of_run(services.database, services.store, id, run, name)
    if content is None:
        raise LinkRefused(Reason.REMOVED)
    return await content_answer(request, content)


def _require_ours(is_valid_at: Callable[[float], bool]) -> None:
    if not is_valid_at(time.time()):
        raise LinkRefused(Reason.EXPIRED if is_valid_at(0) else Reason.FORGED)


def _text(submission: Submission) -> str:
    """Return the page as plain text. The input and the output of a hidden test appear on no page."""
    run, lines = submission.run, [f"Submission {submission.id}: {submission.verdict or submission.state}"]
    if run is not None:
        for test in run.tests or ():
            lines.append(f"Test {test.name}: {test.outcome or test.verdict or 'not run'}")
            if not test.hidden:
                lines += filter(None, (test.message, test.stdout))
        lines += filter(None, (run.compile_output, run.message, run.stdout, run.stderr))
    return "\n".join(lines)


def _page(request: Request, signer: LinkSigner, submission: Submission, sent: SentProgram, expires: int) -> Response:
    run = submission.run
    locale = switched_locale(request) or submission.locale
    is_cut = run is not None and run.tests is None and "stdout" in run.truncated
    return page(
        request,
        "recipient.html.j2",
        locale=locale,
        headers=SECRET,
        submission=submission,
        sent=sent,
        is_final=submission.state in FINAL_STATES,
        passed=sum(test.verdict in GOOD_VERDICTS for test in (run and run.tests) or ()),
        whole_output=f"{submission.id}/output?{request.url.query}" if is_cut else None,
        files=[_shown(artifact, submission.id, run.number, signer, expires) for artifact in run.artifacts or ()]
        if run
        else [],
        files_note=about_left_out(run.artifacts_left_out, locale) if run else "",
        expires=datetime.fromtimestamp(expires, UTC),
    )


def _shown(artifact: Artifact, upload: int, run: int, signer: LinkSigner, expires: int) -> dict[str, object]:
    """Return a file that the program wrote. Its address is relative to the page."""
    link = signer.artifact_link(upload, run, artifact.name, expires=expires)
    is_shown = artifact.media_type in IMAGES and artifact.bytes <= _MAX_IMAGE
    address = link.removeprefix(f"{signer.public_url}/pages/")
    return {"name": artifact.name, "bytes": artifact.bytes, "address": address, "is_shown": is_shown}
