"""Ends the work for a request whose client has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")


async def cancel_if_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result. If the client disconnects first, cancel the work and raise `ClientDisconnect`.

    The body must have been read: what of it comes meanwhile is dropped.
    """
    working = asyncio.current_task()
    assert working
    watching = asyncio.create_task(_cancel_on_disconnect(receive, working))
    try:
        return await work
    except asyncio.CancelledError:
        if not watching.done() or working.uncancel() > 0:
            raise
        raise ClientDisconnect from None
    finally:
        watching.cancel()


async def _cancel_on_disconnect(receive: Receive, working: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    working.cancel()
