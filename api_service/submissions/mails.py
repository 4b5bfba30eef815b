"""The use cases of mails: mail a result again, and store what the provider reports of its delivery."""

from typing import Final

from api_service.access.auth import Principal
from api_service.http.errors import ApiError, Kind
from api_service.submissions.service import OnStored, Submissions
from shared.adapters.database.connection import Database
from shared.common.service.logging import get_logger
from shared.records.mail import mails
from shared.records.mail.delivery_reports import DeliveryReport, record

log = get_logger(__name__)

_LATEST_RESULT: Final = """
    SELECT u.email, (SELECT max(job.id) FROM job JOIN results ON results.job = job.id WHERE job.upload = u.id) AS job
    FROM uploads u WHERE u.id = :upload
"""
_ADD_TOKEN: Final = "INSERT INTO mailgun_events (token) VALUES (:token) ON CONFLICT DO NOTHING RETURNING token"  # noqa: S105


async def mail_again(submissions: Submissions, principal: Principal, upload: int, on_stored: OnStored) -> int:
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


async def store_report(database: Database, token: str, report: DeliveryReport | None) -> None:
    """Store a report once, by its token. None is a report that says nothing of a delivery."""
    async with database.transaction() as connection:
        if await connection.fetch_one(_ADD_TOKEN, {"token": token}) is None or report is None:
            return
        mail = await record(connection, report)
    log.info("mail.reported", mail=mail, delivery=report.delivery)
