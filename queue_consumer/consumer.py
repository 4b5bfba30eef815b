"""Handles batches of deliveries: each message becomes a job, or is rejected with a reason."""

from collections.abc import Sequence
from typing import Final

from queue_consumer.jobs import InvalidMessage, JobMaker
from shared.broker.base import Ack, Delivery, Reject, Settlement
from shared.service.logging import get_logger

log = get_logger(__name__)

#: Submissions whose files are in memory at the same time.
_AT_ONCE: Final = 25


class Consumer:
    def __init__(self, maker: JobMaker) -> None:
        self._maker = maker

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        """Return one settlement per delivery. Raise `TransientError` if a dependency is unavailable."""
        settlements: list[Settlement] = []
        for start in range(0, len(deliveries), _AT_ONCE):
            group = deliveries[start : start + _AT_ONCE]
            jobs = await self._maker.make_all([(delivery.body, delivery.message_id) for delivery in group])
            settlements += [_settlement(delivery, job) for delivery, job in zip(group, jobs, strict=True)]
        return settlements


def _settlement(delivery: Delivery, job: int | InvalidMessage | None) -> Settlement:
    if isinstance(job, InvalidMessage):
        log.warning("message.rejected", request=delivery.message_id, reason=str(job))
        return Reject(str(job))
    if job is None:
        log.info("message.repeated", request=delivery.message_id)
    else:
        log.debug("job.created", request=delivery.message_id, job=job)
    return Ack()
