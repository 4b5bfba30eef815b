"""The mails of a submission."""

from http import HTTPStatus
from typing import Final

from fastapi import Request, Response

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.requests.cursors import LINK, PAGE_ITEMS, PageQuery, page_answer
from api_service.requests.idempotency import once
from api_service.requests.ids import SubmissionId
from api_service.requests.openapi import V1Router
from api_service.requests.validation import read_query
from api_service.requests.visibility import refuse_unknown, require_visible
from api_service.services import ReaderDep, ServicesDep, SubmitterDep
from api_service.submissions.service import OnStored, Submissions
from shared.records.mail import mails, of_submission
from shared.records.resources.models import ListOf, Mail

router = V1Router(tags=["submissions"])

_LATEST_RESULT: Final = """
    SELECT u.email, (SELECT max(job.id) FROM job JOIN results ON results.job = job.id WHERE job.upload = u.id) AS job
    FROM uploads u WHERE u.id = :upload
"""


@router.operation(
    "GET /submissions/{id}/mails",
    "List the mails of a submission",
    "All mails about it, the newest first: results, its receipt, and the digest of its batch. A page has"
    f" {PAGE_ITEMS} of them.",
    answer=ListOf[Mail],
    query=PageQuery,
    headers=LINK,
)
async def list_mails(principal: ReaderDep, id: SubmissionId, request: Request, services: ServicesDep) -> Response:
    await require_visible(services, principal, id)
    query = read_query(request, PageQuery)
    page, following = await services.database.call(of_submission.mails, id, limit=PAGE_ITEMS, before=query.cursor)
    return page_answer(request, services, ListOf[Mail], page, following)


@router.operation(
    "POST /submissions/{id}/mails",
    "Mail the result again",
    "Sends the mail of the latest result once more. It counts against the budget of the recipient.",
    answer=Mail,
    status=HTTPStatus.ACCEPTED,
    problems=[Kind.NOTHING_TO_MAIL, Kind.QUOTA_EXCEEDED],
    idempotent=True,
)
async def mail_result_again(
    principal: SubmitterDep, id: SubmissionId, request: Request, services: ServicesDep
) -> Response:
    await require_visible(services, principal, id)
    read_query(request)

    async def work(on_stored: OnStored) -> int:
        return await _mail_again(services.submissions, principal, id, on_stored)

    async def render(mail: int) -> Mail:
        return await services.database.call(of_submission.mail, mail) or refuse_unknown("mail")

    return await once(request, services, principal, None, work, render, status=HTTPStatus.ACCEPTED)


async def _mail_again(submissions: Submissions, principal: Principal, upload: int, on_stored: OnStored) -> int:
    """Order a mail of the latest result, and return its number.

    Raises `ApiError`: 409 without a recipient or a result, 422 if the address may not be mailed, 429 if its budget is
    used up.
    """
    async with submissions.database.transaction() as connection:
        result = await connection.fetch_one(_LATEST_RESULT, {"upload": upload})
        if result is None or result["email"] is None or result["job"] is None:
            raise ApiError(
                Kind.NOTHING_TO_MAIL,
                "This submission has no `email`, or no result yet; a result can be mailed when it has both.",
            )
        await submissions.take_mail(connection, principal, result["email"])
        number = await mails.order(connection, job=result["job"], upload=upload)
        await on_stored(connection, number)
    return number
