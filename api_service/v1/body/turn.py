"""The turn of a request whose body is read and checked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from api_service.access.auth import Principal
from api_service.http.problems import Problem
from api_service.limits import rate_limits
from api_service.services import Services
from api_service.v1.protocol.threads import LARGE
from shared.accounts import budgets
from shared.accounts.budgets import Charge


@asynccontextmanager
async def reading(services: Services, principal: Principal, size: int) -> AsyncIterator[None]:
    """Hold the turn of a request with a body of `size` bytes while the block runs.

    A large body that is refused counts as one submission, because checking it takes as long as if it were good. Raises
    `Problem` (429) if the key has used up its submissions by such requests.
    """
    async with services.reading.take(principal):
        if size < LARGE or principal.sees_all:
            yield
            return
        own = services.submissions.charges.submissions(principal)
        async with services.database.connection() as connection:
            await rate_limits.check(connection, own)
        try:
            yield
        except Problem as exc:
            if exc.kind.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                async with services.database.connection() as connection:
                    await budgets.charge(connection, [Charge(own.subject, own.per_hour)])
            raise
