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


class Consumer:
    def __init__(self, maker: JobMaker) -> None:
        self._maker = maker

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        """One settlement per delivery; raises `TransientError` when a dependency is away, which settles none."""
        settlements = [await self._settle(delivery) for delivery in deliveries]
        for settlement in settlements:
            metrics.MESSAGES.labels(type(settlement).__name__.lower()).inc()
        return settlements

    async def _settle(self, delivery: Delivery) -> Settlement:
        try:
            job = await self._maker.make(delivery.body, delivery.message_id)
        except TransientError:
            raise
        except Unusable as exc:
            log.warning("message.rejected", request=delivery.message_id, reason=str(exc))
            return Reject(str(exc))
        except Exception as exc:
            log.exception("message.crashed", request=delivery.message_id, attempt=delivery.attempt)
            if delivery.attempt >= MAX_ATTEMPTS:
                return Reject(f"failed {delivery.attempt} times: {type(exc).__name__}")
            return Retry()
        if job is None:
            log.info("message.repeated", request=delivery.message_id)
        else:
            log.info("job.created", request=delivery.message_id, job=job)
        return Ack()
