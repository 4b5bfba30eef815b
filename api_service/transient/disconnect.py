"""Ends a transient run whose client has gone."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from shared.http.disconnect import cancel_if_gone

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result. If the client hangs up first, cancel the work and raise `ClientDisconnect`.

    The body of the request must have been read.
    """
    return await cancel_if_gone(request.receive, work)
