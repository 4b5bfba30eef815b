"""How a handler's failure is read, the same for every broker.

A `TransientError` blames a dependency of ours, so it passes through and the broker offers the same deliveries again,
uncharged. Any other exception blames a message, and one bad message must not condemn the others of its batch: each is
handled alone, and only those that fail again are charged a `Retry`.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from shared.broker.base import Delivery, Handler, Retry, Settlement
from shared.errors import TransientError
from shared.logging import get_logger

log = get_logger(__name__)

#: Redeliveries that a message gets before it is moved to the dead queue, by either broker.
DELIVERY_LIMIT: Final = 20


async def settle_batch(handle: Handler, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
    """One settlement per delivery, in order. Raises `TransientError` when the handler does."""
    try:
        return await _handle(handle, deliveries)
    except TransientError:
        raise
    except Exception as exc:
        log.exception("broker.handler_failed", messages=[d.message_id for d in deliveries], error=repr(exc))
        if len(deliveries) == 1:
            return [Retry()]
    return [(await settle_batch(handle, [delivery]))[0] for delivery in deliveries]


async def _handle(handle: Handler, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
    settlements = await handle(deliveries)
    if len(settlements) != len(deliveries):
        raise ValueError(f"the handler settled {len(settlements)} of {len(deliveries)} deliveries")
    return settlements


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait `seconds`, or less when `stop` is set meanwhile; tells whether it is."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
