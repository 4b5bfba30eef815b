"""Receives the bodies of requests: a key has two of them checked at a time.

Their memory is counted where they arrive (`shared.common.http.bodies`), so no route can pass that by.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus

from fastapi import Request

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.limits import rate_limits
from api_service.requests.threads import LARGE
from api_service.services import Services
from shared.common.http.bodies import give_back
from shared.records.accounts import cell_rate
from shared.records.accounts.cell_rate import Charge


@asynccontextmanager
async def receiving(
    request: Request, services: Services, principal: Principal, *, counts_refused: bool = True
) -> AsyncIterator[bytes]:
    """Yield the body of a request, which is one of those that are checked until the block ends.

    A large body that is refused counts as one submission, because checking it takes as long as if it were good; unless
    not `counts_refused`. Raises `ApiError` (429) if the key has used up its submissions by such requests.
    """
    try:
        body = await request.body()
        async with services.body_semaphore.take(principal):
            is_counted = counts_refused and len(body) >= LARGE and not principal.sees_all
            async with _counting_refusals(services, principal) if is_counted else nullcontext():
                yield body
    finally:
        release_body(request)


@asynccontextmanager
async def _counting_refusals(services: Services, principal: Principal) -> AsyncIterator[None]:
    limit = services.submissions.costs.submissions(principal)
    await services.database.call(rate_limits.check, limit)
    try:
        yield
    except ApiError as exc:
        if exc.kind.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            await services.database.call(cell_rate.charge, [Charge(limit.subject, limit.per_hour)])
        raise


def release_body(request: Request) -> None:
    """Release the body of a request before its answer waits, so that others may send theirs."""
    request._body = b""
    give_back(request.scope)
