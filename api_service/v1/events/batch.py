"""The event stream of a batch: its progress, until it is finished."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT

from api_service.access.principal import Principal
from api_service.services import Services
from api_service.v1.events.stream import event
from shared.adapters.database import channels
from shared.records.resources import batches
from shared.records.resources.models import Batch, BatchProgress
from shared.records.resources.states import BatchState

#: The least seconds between two `progress` events.
_PROGRESS_SECONDS: Final = 1.0
#: The most seconds for which an answer waits until a runner has finished a batch.
_FINISH_SECONDS: Final = 1.0


def last_id(batch: int) -> str:
    """Return the id of the event `finished`."""
    return f"{batch}.finished"


async def find_batch(services: Services, batch: int, owner: int | None = None) -> Batch | None:
    """Return a batch as it is now; None if it does not exist. With `owner`, only a batch of that key is found."""
    return await services.database.call(batches.batch, batch, links=services.links, owner=owner)


async def ended_batch(services: Services, batch: int, owner: int | None) -> Batch | None:
    """Return a batch as `find_batch` does. If all its submissions have ended, wait until a runner has finished it.

    The runner takes a moment to write the end, the webhook and the digests. If no runner works, the wait is short.
    """
    with services.notifications.watch(batch, channel=channels.BATCHES) as changed, suppress(TimeoutError):
        async with asyncio.timeout(_FINISH_SECONDS):
            while current := await find_batch(services, batch, owner):
                if current.state is not BatchState.RUNNING or current.done < current.total:
                    break
                await changed.wait()
                changed.clear()
        return current
    return await find_batch(services, batch, owner)


async def batch_events(services: Services, principal: Principal, number: int) -> AsyncGenerator[bytes]:
    """Yield the progress of a batch at once and at each change, but at most once a second, and then its end.

    Raises `ApiError` (429) at its beginning if this key has too many streams open.
    """
    with (
        services.notifications.watch(number, channel=channels.BATCHES) as wake,
        services.streams.open(principal, wake) as stream,
    ):
        yield KEEPALIVE_COMMENT
        shown: BatchProgress | None = None
        while not stream.must_end:
            wake.clear()
            batch = await stream.patiently(partial(find_batch, services, number))
            if batch is None:  # it was removed
                return
            progress = BatchProgress(total=batch.total, done=batch.done, states=batch.states, verdicts=batch.verdicts)
            if progress != shown:
                yield event("progress", progress)
                shown, shown_at = progress, time.monotonic()
            if batch.state is BatchState.FINISHED:
                yield event("finished", batch, last_id(number))
                return
            async for comment in stream.comments_until_woken():
                yield comment
            await asyncio.sleep(max(0.0, shown_at + _PROGRESS_SECONDS - time.monotonic()))
