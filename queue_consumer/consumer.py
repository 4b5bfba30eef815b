"""Handles batches of deliveries: each message becomes a job, or is settled with the reason why not."""

from collections.abc import Sequence
from typing import Final

from queue_consumer.jobs import JobMaker, Unusable
from shared import metrics
from shared.broker.base import Ack, Delivery, Reject, Retry, Settlement
from shared.errors import TransientError
from shared.logging import get_logger

log = get_logger(__name__)

#: A message that made the handler fail this often is a dead letter.
MAX_ATTEMPTS: Final = 5
#: Submissions whose files are held in memory at once.
_AT_ONCE: Final = 25


class Consumer:
    def __init__(self, maker: JobMaker) -> None:
        self._maker = maker

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        """One settlement per delivery; raises `TransientError` when a dependency is away, which settles none."""
        settlements: list[Settlement] = []
        for start in range(0, len(deliveries), _AT_ONCE):
            settlements += await self._settle(deliveries[start : start + _AT_ONCE])
        for settlement in settlements:
            metrics.MESSAGES.labels(type(settlement).__name__.lower()).inc()
        return settlements

    async def _settle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        try:
            made = await self._maker.make_all([(delivery.body, delivery.message_id) for delivery in deliveries])
        except TransientError:
            raise
        except Exception as exc:
            if len(deliveries) == 1:
                return [_crashed(deliveries[0], exc)]
            # One bad message must not condemn the others.
            return [settlement for delivery in deliveries for settlement in await self._settle([delivery])]
        return [_settlement(delivery, job) for delivery, job in zip(deliveries, made, strict=True)]


def _settlement(delivery: Delivery, made: int | Unusable | None) -> Settlement:
    if isinstance(made, Unusable):
        log.warning("message.rejected", request=delivery.message_id, reason=str(made))
        return Reject(str(made))
    if made is None:
        log.info("message.repeated", request=delivery.message_id)
    else:
        log.debug("job.created", request=delivery.message_id, job=made)
    return Ack()


def _crashed(delivery: Delivery, error: Exception) -> Settlement:
    log.error("message.crashed", request=delivery.message_id, attempt=delivery.attempt, exc_info=error)
    if delivery.attempt >= MAX_ATTEMPTS:
        return Reject(f"failed {delivery.attempt} times: {type(error).__name__}")
    return Retry()
