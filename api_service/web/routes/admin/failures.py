"""The page of failures: dead letters, jobs that could not be run, and mails that did not arrive, with a remedy each."""

from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from api_service.http.errors import ApiError, Kind
from api_service.services import ServicesDep
from api_service.web.csrf import FormDep
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import admin_page, done, number_of
from api_service.web.session import SessionDep
from shared.common.service.errors import BrokerUnavailable, PrecieuxError, TransientError
from shared.common.service.logging import get_logger
from shared.records.mail import mails
from shared.records.operations import jobs

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, route_class=PageRoute)

#: How many of each kind are shown, and sent or run again by one form.
_SHOWN: Final = 100


@router.get("/admin/failures")
async def failures(request: Request, services: ServicesDep, session: SessionDep) -> Response:
    async with services.database.connection() as connection:
        failed_jobs = await jobs.failed(connection, limit=_SHOWN)
        failed_mails = await mails.failed(connection, limit=_SHOWN)
    letters = None
    with suppress(BrokerUnavailable):
        letters = await services.dead_letters.read(limit=_SHOWN)
    return await admin_page(
        request, services, session, "failures", letters=letters, jobs=failed_jobs, mails=failed_mails
    )


@router.post("/admin/dead-letters/replay")
async def replay(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    letters = await services.dead_letters.replay([str(key) for key in form.getlist("key")])
    log.info("operator.replayed", dead_letters=len(letters), by=session.principal.key_id)
    return done(request, services, "failures", "replayed", len(letters))


@router.post("/admin/dead-letters/drop")
async def drop(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    letters = await services.dead_letters.drop([str(key) for key in form.getlist("key")])
    log.info("operator.dropped", dead_letters=len(letters), by=session.principal.key_id)
    return done(request, services, "failures", "dropped", len(letters))


@router.post("/admin/jobs/retry")
async def retry(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    ids = _numbers(form)
    for job in ids:
        try:
            await services.database.transact(jobs.retry, job)
        except TransientError:
            raise
        except PrecieuxError as exc:
            raise ApiError(Kind.CONFLICT, str(exc)) from None
    services.outbox_publisher.wake.set()
    log.info("operator.retried", jobs=ids, by=session.principal.key_id)
    return done(request, services, "failures", "retried", len(ids))


@router.post("/admin/mails/resend")
async def resend(request: Request, services: ServicesDep, session: SessionDep, form: FormDep) -> Response:
    sent = await services.database.transact(mails.send_again, _numbers(form))
    log.info("operator.resent", mails=sent, by=session.principal.key_id)
    return done(request, services, "failures", "resent", len(sent))


def _numbers(form: FormData) -> list[int]:
    return [number for value in form.getlist("id") if (number := number_of(value)) is not None]
