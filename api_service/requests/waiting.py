"""Lets requests wait for results.

A wait holds no connection to the database: the process's listener wakes it (`api_service.events.notifications`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from api_service.access.principal import Principal
from api_service.requests.visibility import find_visible
from api_service.services import Services
from shared.adapters.database import channels


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits for one request, for `seconds` at most. Only `waiting` makes it, so no request waits without a place."""

    services: Services
    principal: Principal
    seconds: float

    async def until_final(self, upload_id: int) -> None:
        """Return when the submission is in a final state or `held`, is gone, the time is over or the service stops."""

        async def is_under_way() -> bool:
            row = await find_visible(self.services, self.principal, upload_id, "request_id IS NOT NULL AS is_under_way")
            return row is not None and bool(row["is_under_way"])

        await self.until_ended(upload_id, is_under_way)

    async def until_ended(
        self, id_: int, is_under_way: Callable[[], Awaitable[bool]], *, channel: str = channels.SUBMISSIONS
    ) -> None:
        """Return when what has this id on the channel is not under way, the time is over or the service stops."""
        if self.seconds <= 0:
            return
        deadline = time.monotonic() + self.seconds
        notifications = self.services.notifications
        with notifications.watch(id_, channel=channel) as changed:
            while not notifications.is_stopping and await is_under_way():
                try:
                    async with asyncio.timeout(deadline - time.monotonic()):
                        await changed.wait()
                except TimeoutError:
                    return
                changed.clear()


@contextmanager
def waiting(services: Services, principal: Principal, seconds: float) -> Iterator[Waiter]:
    """Yield what waits for a request. The request counts among those that wait until the block ends.

    A request that stores something begins this before that. Raises `ApiError` (429 or 503) if too many wait.
    """
    with services.waits.hold(principal) if seconds > 0 else nullcontext():
        yield Waiter(services, principal, seconds)
