"""Handles batches of deliveries: each message becomes a job, or is rejected with a reason."""

from collections.abc import Sequence

from queue_consumer.jobs import InvalidMessage, JobMaker
from shared.adapters.broker.base import Ack, Delivery, Reject, Settlement
from shared.common.service.logging import get_logger

log = get_logger(__name__)


class Consumer:
    def __init__(self, maker: JobMaker) -> None:
        self._maker = maker

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        """Return one settlement per delivery. Raise `TransientError` if a dependency is unavailable."""
        jobs = await self._maker.make_all([(delivery.body, delivery.message_id) for delivery in deliveries])
        return [_settlement(delivery, job) for delivery, job in zip(deliveries, jobs, strict=True)]


def _settlement(delivery: Delivery, job: int | InvalidMessage | None) -> Settlement:
    if isinstance(job, InvalidMessage):
        log.warning("message.rejected", request=delivery.message_id, reason=str(job))
        return Reject(str(job))
    if job is None:
        log.info("message.repeated", request=delivery.message_id)
    else:
        log.debug("job.created", request=delivery.message_id, job=job)
    return Ack()
