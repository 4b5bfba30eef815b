"""The checks of problems' packages."""

from http import HTTPStatus

from fastapi import Request, Response

from api_service.http.errors import Kind
from api_service.problems import checking
from api_service.problems.body import CheckBody
from api_service.problems.problem_routes import ProblemName, VersionQuery, require_owned
from api_service.requests.accept_language import locale_of
from api_service.requests.addresses import address_rules
from api_service.requests.answers import conditional
from api_service.requests.idempotency import once
from api_service.requests.openapi import V1Router, location
from api_service.requests.prefer import PREFER, PREFERENCE_APPLIED, WaitQuery, wait_of
from api_service.requests.validation import checked, checked_query, parse_json, query_items, read_body, read_query
from api_service.requests.visibility import refuse_unknown
from api_service.requests.waiting import Waiter, waiting
from api_service.services import Services, ServicesDep, SetterDep
from api_service.submissions.service import OnStored
from shared.adapters.database import channels
from shared.common.http.disconnect import cancel_if_gone
from shared.records.problems import checks
from shared.records.resources.check_models import CheckState, ProblemCheck

router = V1Router(tags=["problems"])


class CheckQuery(WaitQuery, VersionQuery):
    """The query of a call that waits for the end of a check."""


@router.operation(
    "POST /problems/{name}/check",
    "Check a package",
    "Runs the validators on the data and the jury's submissions, and derives the time limit if nothing names it."
    " With `wait`, the answer waits for the end.",
    answer=ProblemCheck,
    status=HTTPStatus.ACCEPTED,
    body=CheckBody,
    is_body_required=False,
    query=WaitQuery,
    parameters=[PREFER],
    headers={**location("check"), **PREFERENCE_APPLIED},
    problems=[Kind.UNDER_WAY, Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    idempotent=True,
)
async def check_problem(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    body = await read_body(request, may_be_empty=True)
    result = checked(CheckBody, parse_json(body) if body else {})
    query, faults = checked_query(WaitQuery, query_items(request))
    email, webhook_url = (result.value.email, result.value.webhook_url) if result.value else (None, None)
    rules = await address_rules(services, principal, has_webhook=webhook_url is not None)
    content = result.valid(faults, rules.faults(email, webhook_url))
    locale = content.locale or locale_of(request.headers.get("Accept-Language", ""))
    wait = wait_of(request, query)
    version = await require_owned(services, principal, name, content.version)

    async def work(on_stored: OnStored) -> int:
        async with services.requesting_runs():
            return await checking.start(services, principal, version, content, locale, on_stored)

    with waiting(services, principal, wait.seconds) as waiter:

        async def render(check: int) -> ProblemCheck:
            return await _ended(waiter, await _read(services, check))

        return await once(
            request, services, principal, content, work, render,
            status=HTTPStatus.ACCEPTED, location=f"/v1/problems/{name}/check?version={version.version}", wait=wait,
        )  # fmt: skip


@router.operation(
    "GET /problems/{name}/check",
    "Get the latest check of a package",
    "That of the latest version, or of another one. With `wait`, the answer waits for the end.",
    answer=ProblemCheck,
    query=CheckQuery,
    parameters=[PREFER],
    headers=PREFERENCE_APPLIED,
    problems=[Kind.TOO_MANY],
)
async def get_check(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    query = read_query(request, CheckQuery)
    version = await require_owned(services, principal, name, query.version)
    wait = wait_of(request, query)
    with waiting(services, principal, wait.seconds) as waiter:
        check = await services.database.call(checks.latest_check, version.id) or refuse_unknown("check")
        return conditional(request, await cancel_if_gone(request.receive, _ended(waiter, check)), wait.headers)


async def _ended(waiter: Waiter, check: ProblemCheck) -> ProblemCheck:

    async def is_running() -> bool:
        nonlocal check
        check = await _read(waiter.services, check.id)
        return check.state is CheckState.RUNNING

    await waiter.until_ended(check.batch, is_running, channel=channels.BATCHES)
    return check


async def _read(services: Services, id_: int) -> ProblemCheck:
    return await services.database.call(checks.check, id_) or refuse_unknown("check")
