"""Composes the queue consumer: `python -m queue_consumer`."""

import asyncio
import sys

from queue_consumer.jobs import JobMaker
from queue_consumer.outbox_consumer import OutboxConsumer
from queue_consumer.reconciler import Reconciler
from shared.adapters.broker.open import open_broker
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.schema import require_current
from shared.adapters.storage.open import open_store
from shared.adapters.storage.settings import StoreSettings
from shared.common.service.lifecycle import restarting, run_loops, run_service
from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_ready
from shared.common.service.settings import load
from shared.records.operations.health import HealthServer, HealthSettings
from shared.records.operations.workers import connection_name

log = get_logger(__name__)


async def serve(stop: asyncio.Event) -> None:
    database = Database(load(DatabaseSettings), name=connection_name("queue_consumer"))
    broker = open_broker(load(BrokerSettings))
    store = open_store(load(StoreSettings))
    try:
        await database.connect(stop)
        if stop.is_set():
            return
        await require_current(database)
        maker = JobMaker(database, store)
        source = broker or OutboxConsumer(database)
        health = HealthServer(load(HealthSettings), database)
        reconciler = Reconciler(database, maker)
        # Only now, because a wrong setting must end the start.
        log.info("consumer.ready", source=type(source).__name__)
        notify_ready()
        await run_loops(
            (
                restarting("health", health.run),
                restarting("reconciler", reconciler.run),
                restarting("consumer", lambda stop: source.consume(maker.handle, stop)),
            ),
            stop,
        )
    finally:
        if broker:
            await broker.close()
        await store.close()
        await database.disconnect()


if __name__ == "__main__":
    sys.exit(run_service("queue_consumer", serve))
