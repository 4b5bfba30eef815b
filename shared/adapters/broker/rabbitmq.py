"""The broker on RabbitMQ, by pika.

A pika connection belongs to one thread. The one for publishing is on the event loop, where confirms are pipelined.
Each `consume` has one in another thread, where heartbeats do not wait for the handler. Callers never see pika's errors.
"""

import asyncio
from collections.abc import Sequence

from shared.adapters.broker.base import MAX_BREAK, Delivery, Handler, Message, Settlement
from shared.adapters.broker.handling import settle_batch
from shared.adapters.broker.rabbitmq_consumer import ConsumerThread, DeliveryBatch
from shared.adapters.broker.rabbitmq_publisher import Publisher
from shared.adapters.broker.rabbitmq_topology import QueueType, connection_parameters, queues
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)


class RabbitMQBroker:
    """The broker on RabbitMQ. `timeout` is in seconds, for connecting and for the confirms of one `publish`."""

    def __init__(
        self, url: str, *, queue_type: QueueType = "quorum", timeout: float = 10.0, policy: RetryPolicy | None = None
    ) -> None:
        self._url = url
        self._queues = queues(queue_type)
        self._policy = policy or RetryPolicy(base=1.0, cap=30.0)
        self._publisher = Publisher(connection_parameters(url, "publisher"), self._queues, timeout=timeout)

    async def publish(self, messages: Sequence[Message]) -> Sequence[bool]:
        return await self._publisher.publish(messages)

    async def consume(self, handle: Handler, stop: asyncio.Event) -> None:
        """Consume. Raise `ConfigurationError` if a queue exists with other arguments."""
        inbox: asyncio.Queue[DeliveryBatch | Exception | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        thread = ConsumerThread(
            connection_parameters(self._url, "consumer"),
            self._queues,
            post=lambda item: loop.call_soon_threadsafe(inbox.put_nowait, item),
            policy=self._policy,
        )
        watch = asyncio.create_task(_end_of_inbox(inbox, stop))
        thread.start()
        try:
            while (item := await inbox.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                settlements = await self._settle(handle, item.deliveries, stop)
                if settlements is not None:
                    item.settle(settlements)
        finally:
            watch.cancel()
            thread.stop()
            await asyncio.to_thread(thread.join)

    async def close(self) -> None:
        await self._publisher.close()

    async def _settle(
        self, handle: Handler, deliveries: Sequence[Delivery], stop: asyncio.Event
    ) -> Sequence[Settlement] | None:
        """Return the settlements. Return None if `stop` came first, so that the batch goes back to the queue."""
        failures = 0
        while True:
            try:
                return await settle_batch(handle, deliveries)
            except TransientError as exc:
                failures += 1
                delay = self._policy.capped(MAX_BREAK).delay(failures, at_least=exc.retry_after)
                log.warning(
                    "broker.handler_waits", error=str(exc), messages=len(deliveries), next_try_s=round(delay, 1)
                )
            await wait_any(stop, timeout=delay)
            if stop.is_set():
                return None


async def _end_of_inbox(inbox: "asyncio.Queue[DeliveryBatch | Exception | None]", stop: asyncio.Event) -> None:
    await stop.wait()
    inbox.put_nowait(None)
