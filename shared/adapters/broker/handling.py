"""Handles a batch of deliveries, in the same way for each broker.

A `TransientError` blames a dependency: it passes through, and the broker offers the same deliveries again without
charging them. Any other exception blames one of the messages, so each message is handled alone. Only those that fail
again are charged with a `Retry`, and become dead letters after `MAX_ATTEMPTS`.
"""

from collections.abc import Sequence
from typing import Final

from shared.adapters.broker.base import Delivery, Handler, Reject, Retry, Settlement
from shared.common.service import metrics
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: If the handler fails at this delivery of a message or a later one, the message is a dead letter.
MAX_ATTEMPTS: Final = 5
#: A message that was delivered again this often is a dead letter too, for example because its consumers died.
DELIVERY_LIMIT: Final = 20


async def settle_batch(handle: Handler, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
    """Return one settlement per delivery, in order. Raise `TransientError` if the handler does."""
    settlements = await _settle(handle, deliveries)
    for settlement in settlements:
        metrics.MESSAGES.labels(type(settlement).__name__.lower()).inc()
    return settlements


async def _settle(handle: Handler, deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
    try:
        return await handle(deliveries)
    except TransientError:
        raise
    except Exception as exc:
        if len(deliveries) == 1:
            return [_charge(deliveries[0], exc)]
        log.exception("broker.handler_failed", messages=[d.message_id for d in deliveries], error=repr(exc))
    return [(await _settle(handle, [delivery]))[0] for delivery in deliveries]


def _charge(delivery: Delivery, error: Exception) -> Settlement:
    log.error("message.crashed", request=delivery.message_id, attempt=delivery.attempt, exc_info=error)
    if delivery.attempt >= MAX_ATTEMPTS:
        return Reject(f"failed {delivery.attempt} times: {type(error).__name__}")
    return Retry()
