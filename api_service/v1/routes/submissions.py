"""Posting a submission, and the list of submissions."""

from contextlib import ExitStack
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.requests.cursors import LINK, page_answer, unsealed
from api_service.requests.idempotency import Once
from api_service.requests.openapi import V1Router, location
from api_service.requests.prefer import PREFER, PREFERENCE_APPLIED, WaitQuery
from api_service.requests.receive import receiving
from api_service.requests.validation import read_query
from api_service.requests.visibility import visible_submission
from api_service.requests.waiting import Waiter, waiting
from api_service.services import ReaderDep, Services, ServicesDep, SubmitterDep
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.rows import Stored
from api_service.v1.body.read import FORM, JSON, read_submission
from api_service.v1.body.rules import SubmissionCheck
from api_service.v1.body.schemas import TEXT, fields_of, form_of
from api_service.v1.body.submission import SubmissionBody
from api_service.v1.reads import pages
from api_service.v1.reads.pages import ListQuery
from api_service.v1.reads.posted import posted
from shared.common.service.errors import DatabaseTooSlow
from shared.records.resources import read
from shared.records.resources.models import ListOf, Queue, Submission

router = V1Router(tags=["submissions"])

_CURSOR: Final = "submissions"
_TOO_SLOW: Final = (
    "It took too long to find these submissions among so many; narrow the list by `created_after`, `created_before`,"
    " `email` or `verdict`."
)


@router.operation(
    "POST /submissions",
    "Run a program",
    "Registers a program and requests its run, unless it is held. With `wait`, the answer waits for the result.",
    answer=Submission,
    status=HTTPStatus.CREATED,
    body={JSON: SubmissionBody, FORM: form_of(SubmissionBody), "text/plain": TEXT},
    query=WaitQuery,
    parameters=[PREFER, *fields_of(SubmissionBody)],
    headers={**location("submission"), **PREFERENCE_APPLIED},
    problems=[Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    idempotent=True,
)
async def create_submission(principal: SubmitterDep, request: Request, services: ServicesDep) -> Response:
    with ExitStack() as held:
        # While the answer waits, neither the body nor the submission is in memory.
        once, waiter, shown = await _create(request, services, principal, held)

        async def render(upload: int) -> Submission:
            if shown is not None:
                return shown
            await waiter.until_final(upload)
            return await visible_submission(services, principal, upload)

        return await once.answer(render)


async def _create(
    request: Request, services: Services, principal: Principal, held: ExitStack
) -> tuple[Once, Waiter, Submission | None]:
    """Store the submission of a request, unless an earlier one with its key has. Its wait counts until `held` ends.

    The last value is the submission as it was stored; None if the answer waits or reads it.
    """
    async with receiving(request, services, principal) as body:
        parsed = await read_submission(request, services, principal, body, SubmissionCheck.stored)
        wait, shown = parsed.wait, None
        waiter = held.enter_context(waiting(services, principal, wait.seconds))
        once = Once(request, services, principal, HTTPStatus.CREATED, "/v1/submissions/{}", wait)
        if await once.is_first(parsed.content_sha256):
            is_shown = not wait.seconds and parsed.new.problem_version is None
            async with once.working(), services.requesting_runs():
                has_place = is_shown and not parsed.new.hold
                # Before it is stored, so that the place does not count the submission itself.
                queue = await services.queue_positions.next_place(principal.owner) if has_place else None
                stored = await services.submissions.post(principal, parsed.new, once.on_stored)
            once.made = stored.id
            shown = await _shown(services, parsed.new, stored, queue) if is_shown else None
        return once, waiter, shown


async def _shown(services: Services, new: NewSubmission, stored: Stored, queue: Queue | None) -> Submission:
    """Return a submission that was stored just now. It is not read again, for speed."""
    return posted(new, stored, await services.languages.catalog(), services.links, queue)


@router.operation(
    "GET /submissions",
    "List submissions",
    "The newest first, without texts and tests. There are more while `next` is not null. With many submissions of"
    " which few have the wanted language or metadata, the answer may be 503: then add `created_after`.",
    answer=ListOf[Submission],
    query=ListQuery,
    headers=LINK,
)
async def list_submissions_v1(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    query = read_query(request, ListQuery)
    cursor = unsealed(services, _CURSOR, query.cursor)
    after = None if cursor is None else pages.ListPosition.parse(cursor)
    try:
        # One at a time, because such a statement may read all submissions of a key.
        async with services.classic_list.semaphore.take(principal), services.database.connection() as connection:
            ids, following = await pages.find(connection, query, owner=principal.visible_owner, after=after)
            items = await read.submissions(connection, ids, links=services.links)
    except DatabaseTooSlow:
        raise ApiError(Kind.UNAVAILABLE, _TOO_SLOW) from None
    following_cursor = services.signer.seal(_CURSOR, str(following)) if following else None
    return page_answer(request, services, ListOf[Submission], items, following_cursor)
