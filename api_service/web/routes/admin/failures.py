"""The page of failures: dead letters, jobs that could not be run, and mails that did not arrive, with a remedy each."""

from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Response
from starlette.datastructures import FormData

from api_service.http.errors import ApiError, Kind
from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import OperatorDep, number_of
from shared.common.service.errors import BrokerUnavailable, PrecieuxError, TransientError
from shared.records.mail import mails
from shared.records.operations import jobs

router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: How many of each kind are shown, and sent or run again by one form.
_SHOWN: Final = 100


@router.get("/admin/failures")
async def failures(operator: OperatorDep) -> Response:
    async with operator.services.database.connection() as connection:
        failed_jobs = await jobs.failed(connection, limit=_SHOWN)
        failed_mails = await mails.failed(connection, limit=_SHOWN)
    letters = None
    with suppress(BrokerUnavailable):
        letters = await operator.services.dead_letters.read(limit=_SHOWN)
    return await operator.page("failures", letters=letters, jobs=failed_jobs, mails=failed_mails)


@router.post("/admin/dead-letters/replay")
async def replay(operator: OperatorDep, form: FormDep) -> Response:
    letters = await operator.services.dead_letters.replay([str(key) for key in form.getlist("key")])
    return operator.done("failures", "replayed", len(letters), dead_letters=len(letters))


@router.post("/admin/dead-letters/drop")
async def drop(operator: OperatorDep, form: FormDep) -> Response:
    letters = await operator.services.dead_letters.drop([str(key) for key in form.getlist("key")])
    return operator.done("failures", "dropped", len(letters), dead_letters=len(letters))


@router.post("/admin/jobs/retry")
async def retry(operator: OperatorDep, form: FormDep) -> Response:
    ids = _numbers(form)
    for job in ids:
        try:
            await operator.services.database.transact(jobs.retry, job)
        except TransientError:
            raise
        except PrecieuxError as exc:
            raise ApiError(Kind.CONFLICT, str(exc)) from None
    operator.services.outbox_publisher.wake.set()
    return operator.done("failures", "retried", len(ids), jobs=ids)


@router.post("/admin/mails/resend")
async def resend(operator: OperatorDep, form: FormDep) -> Response:
    sent = await operator.services.database.transact(mails.send_again, _numbers(form))
    return operator.done("failures", "resent", len(sent), mails=sent)


def _numbers(form: FormData) -> list[int]:
    return [number for value in form.getlist("id") if (number := number_of(value)) is not None]
