"""Composes the API: `python -m api_service`."""

import asyncio
import resource
import sys
from functools import partial
from typing import Final

from api_service.access.authenticator import Authenticator
from api_service.access.recipients import ALL_RECIPIENTS, Recipients
from api_service.app import create_app
from api_service.background.metrics_history import keep_recording
from api_service.background.outbox_notifier import OutboxNotifier
from api_service.background.outbox_publisher import OutboxPublisher
from api_service.background.readiness import Readiness
from api_service.cached import CachedFor
from api_service.events.notifications import Notifications
from api_service.events.streams import Streams
from api_service.languages.catalog_reader import CatalogReader
from api_service.limits.backlog import BacklogGuard, KeyBacklog
from api_service.limits.holds import memory, waits
from api_service.processes import ADDRESS, run_processes
from api_service.services import Services
from api_service.settings import ApiSettings
from api_service.submissions.classic_list import ClassicList
from api_service.submissions.posted_positions import QueuePositions
from api_service.submissions.quota_costs import QuotaCosts
from api_service.submissions.service import Submissions
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from shared.adapters.broker.open import open_broker
from shared.adapters.broker.open_dead_letters import open_dead_letters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.schema import require_current
from shared.adapters.engine.base import OpenedEngine
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.open import open_signer, open_store
from shared.adapters.storage.settings import StoreSettings
from shared.common.http.connections import ConnectionLimits
from shared.common.http.loopback import is_loopback
from shared.common.http.server import listening_socket, serve_http
from shared.common.service.errors import ConfigurationError
from shared.common.service.lifecycle import restarting, run_loops, run_service
from shared.common.service.logging import get_logger
from shared.common.service.settings import load
from shared.records.accounts.cell_rate import RunBudgetSettings
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.operations.health import HealthServer, HealthSettings
from shared.records.operations.system_status import REUSED_SECONDS, read_system_status
from shared.records.operations.workers import connection_name

log = get_logger(__name__)

#: The most seconds that a statement may take, so that no slow statement holds a connection for long.
_STATEMENT_SECONDS: Final = 15.0

#: Bytes of all lists of submissions under way, and of all answers that have the outputs of many tests.
_LISTS_BYTES: Final = 8 << 20
_ANSWERS_BYTES: Final = 64 << 20

#: Connections that wait for the end of others, if they are not refused.
_WAITING: Final = 256

#: Files of this process that are no connections of clients: of the database, the broker, objects, libraries.
_OTHER_FILES: Final = 300


async def serve(stop: asyncio.Event) -> None:
    settings, health_settings = load(ApiSettings).of_one_process(), load(HealthSettings)
    is_shared = settings.api_processes > 1
    health_settings.require_other_port(settings.host, settings.port, setting="PRECIEUX_PORT")
    database = Database(
        load(DatabaseSettings), statement_seconds=_STATEMENT_SECONDS, name=connection_name("api_service")
    )
    broker = open_broker(load(BrokerSettings))
    store = open_store(load(StoreSettings))
    costs = QuotaCosts(
        key_budget=settings.key_budget,
        recipient_budget=settings.recipient_budget,
        domain_budget=settings.domain_budget,
        key_bytes=settings.key_bytes,
        key_cpu_seconds=load(RunBudgetSettings).key_cpu_seconds,
    )
    run_seconds = RunSeconds(database, costs)
    engine = partial(_open_engine, load(EngineSettings)) if settings.codex_url else None
    transient = TransientRuns(engine, run_seconds)
    listening = listening_socket(settings.host, settings.port, setting=ADDRESS, is_shared=is_shared)
    try:
        await database.connect(stop)
        if stop.is_set():
            return
        await require_current(database)
        publisher = OutboxPublisher(database, broker) if broker else OutboxNotifier(database)
        services = _compose(settings, database, store, publisher, costs, transient)
        if not await services.authenticator.keys_existed() and not is_loopback(settings.host):
            raise ConfigurationError(
                f"PRECIEUX_HOST is {settings.host}, which other machines can reach, but there is no API key: create one"
                " with `precieux keys create NAME`, or set PRECIEUX_API_KEYS, or set PRECIEUX_HOST to 127.0.0.1"
            )
        app = create_app(services)
        # Only Piston's front door has a WebSocket.
        message_bytes = settings.largest_body_bytes if "piston" in settings.doors else 0
        limits = ConnectionLimits(
            max_total=settings.connections,
            max_per_address=settings.connections_per_address,
            # Trainers take a refused connection for a wrong program.
            max_waiting=settings.part(_WAITING) if "sandboxfusion" in settings.doors else 0,
        )
        log.info("api.starting", host=settings.host, port=settings.port)
        health = HealthServer(health_settings, database, counts_backlog=True, is_shared=is_shared)
        # The HTTP server is not restarted: without it the process has no purpose.
        await run_loops(
            (
                restarting("outbox_publisher", services.outbox_publisher.run),
                restarting("health", health.run),
                restarting("notifications", services.notifications.run),
                restarting("revocations", services.streams.end_revoked),
                restarting("recorder", partial(keep_recording, database)),
                restarting("run_seconds", run_seconds.run),
                lambda stop: serve_http(app, listening, stop, limits=limits, message_bytes=message_bytes),
            ),
            stop,
        )
    finally:
        listening.close()
        if broker:
            await broker.close()
        await transient.close()
        await store.close()
        await database.disconnect()


def _max_streams(settings: ApiSettings) -> int:
    """Return how many streams all keys together may have open. Raise the limit of open files for them."""
    files, max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if max_files != resource.RLIM_INFINITY:
        files = max_files
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return max(1, min(4 * settings.max_streams, files - settings.connections - _WAITING - _OTHER_FILES))


def _open_engine(settings: EngineSettings) -> OpenedEngine:
    from shared.adapters.engine.engines import Engines  # aiohttp is large, and not every server runs any

    return Engines(settings)


def _compose(
    settings: ApiSettings,
    database: Database,
    store: ObjectStore,
    outbox_publisher: OutboxPublisher | OutboxNotifier,
    costs: QuotaCosts,
    transient: TransientRuns,
) -> Services:
    local_key = settings.local_key.get_secret_value() if settings.local_key else None
    allowed = settings.allowed_recipients
    notifications, signer = Notifications(database), open_signer(load(StoreSettings))
    dead_letters = open_dead_letters(load(BrokerSettings), database)
    return Services(
        settings=settings,
        database=database,
        store=store,
        submissions=Submissions(
            database,
            store,
            costs,
            KeyBacklog.of(settings.max_backlog),
            recipients=ALL_RECIPIENTS if allowed is None else Recipients(allowed),
        ),
        languages=CatalogReader(database),
        classic_list=ClassicList(database, store, memory(settings.part(_LISTS_BYTES), "Lists")),
        body_memory=memory(settings.all_bodies_bytes, "Large submissions"),
        readiness=Readiness(database, store),
        backlog=BacklogGuard(database, settings.max_backlog),
        outbox_publisher=outbox_publisher,
        authenticator=Authenticator(database, settings.operator_keys, local_key=local_key),
        signer=signer,
        response_memory=memory(settings.part(_ANSWERS_BYTES), "Answers with many outputs"),
        notifications=notifications,
        streams=Streams(database, notifications, max_of_key=settings.max_streams, max_in_all=_max_streams(settings)),
        waits=waits(settings.connections),
        queue_positions=QueuePositions(database),
        webhooks=load(WebhookSettings),
        dead_letters=dead_letters,
        system_status=CachedFor(REUSED_SECONDS, lambda: read_system_status(database, dead_letters)),
        transient=transient,
    )


if __name__ == "__main__":
    sys.exit(run_processes(lambda: run_service("api_service", serve)))
