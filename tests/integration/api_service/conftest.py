import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from api_service.access.authenticator import Authenticator
from api_service.access.recipients import ALL_RECIPIENTS, Recipients
from api_service.app import create_app
from api_service.background.outbox_publisher import OutboxPublisher
from api_service.background.readiness import Readiness
from api_service.cached import CachedFor
from api_service.events.notifications import Notifications
from api_service.events.streams import Streams
from api_service.languages.catalog_reader import CatalogReader
from api_service.limits.backlog import BacklogGuard, KeyBacklog
from api_service.limits.holds import memory, waits
from api_service.services import Services
from api_service.settings import ApiSettings
from api_service.submissions.classic_list import ClassicList
from api_service.submissions.posted_positions import QueuePositions
from api_service.submissions.quota_costs import QuotaCosts
from api_service.submissions.service import Submissions
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from shared.adapters.broker.base import Handler, Message
from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.broker.outbox_dead_letters import OutboxDeadLetters
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.adapters.engine.base import OpenedEngine
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import BrokerUnavailable
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.operations.system_status import REUSED_SECONDS, read_system_status
from tests.fixtures.postgres import connected, url_of
from tests.integration.rows import bearer, offer

#: Each limit of the engine. No program of a test meets them.
LIMITS: Final = dict.fromkeys(("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"), 1 << 30)
ApiWith = Callable[..., httpx.AsyncClient]
KEY_BUDGET = 5
RECIPIENT_BUDGET = 3
OPERATOR = "o" * 32
_routes: Final[dict[int, list[BaseRoute]]] = {}


@pytest.fixture
async def offered(database: Database) -> None:
    """Offer Python, as a runner reports it."""
    await offer(database, info="Python 3.13.5", compiled=False, extensions=[".py"], limits=LIMITS)


async def submit(client: httpx.AsyncClient, key: str = "", **fields: Any) -> httpx.Response:
    """Register a program by the classic call."""
    fields = {"email": "a@example.com", "language": "py", **fields}
    files, headers = {"file": ("a.py", b"print(1)")}, bearer(key) if key else {}
    return await client.post("/submit_email/", params=fields, files=files, headers=headers)


class RecordingBroker:
    """Accepts messages, except for `refused` bodies; while `down`, it is unavailable."""

    def __init__(self) -> None:
        self.accepted: list[Message] = []
        self.refused: set[bytes] = set()
        self.down = False

    async def publish(self, messages: Sequence[Message]) -> list[bool]:
        if self.down:
            raise BrokerUnavailable("it is down")
        accepted = [message.body not in self.refused for message in messages]
        self.accepted += [message for message, is_accepted in zip(messages, accepted, strict=True) if is_accepted]
        return accepted

    async def consume(self, handle: Handler, stop: object) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@pytest.fixture
def database_role() -> Role:
    return Role.API


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner(b"k" * 32, "http://127.0.0.1")


@pytest.fixture
async def store(tmp_path: Path, signer: LinkSigner) -> AsyncIterator[LocalStore]:
    store = LocalStore(tmp_path / "objects", signer)
    yield store
    await store.close()


@pytest.fixture
async def runner(database_url: str) -> AsyncIterator[Database]:
    """Yield the database, connected as the job runner."""
    async with connected(url_of(Role.RUNNER, database_url)) as runner:
        yield runner


@pytest.fixture
def broker() -> RecordingBroker:
    return RecordingBroker()


@pytest.fixture
def outbox_publisher(database: Database, broker: RecordingBroker) -> OutboxPublisher:
    return OutboxPublisher(database, broker)


def _share_routes(app: FastAPI) -> None:
    """Give the app the routes of the first one. FastAPI prepares routes at their first request, in more time than most
    tests take; they are the same in all apps with as many."""
    app.router.routes = [*_routes.setdefault(len(app.router.routes), app.router.routes)]


def client_of(
    database: Database,
    store: ObjectStore,
    outbox_publisher: OutboxPublisher,
    signer: LinkSigner,
    *,
    operator_keys: tuple[str, ...] = (),
    peer: str = "127.0.0.1",
    max_backlog: int = 1000,
    key_backlog_bytes: int = 64 << 20,
    notifications: Notifications | None = None,
    max_waits: int = 100,
    large_answers_bytes: int = 64 << 20,
    webhooks: WebhookSettings | None = None,
    recipients: Recipients = ALL_RECIPIENTS,
    web: bool = True,
    front_doors: str = "",
    judge0_conf: Path | None = None,
    limits: dict[str, Any] | None = None,
    dead_letters: DeadLetters | None = None,
    open_engine: Callable[[], OpenedEngine] | None = None,
    **shares: Any,
) -> httpx.AsyncClient:
    """Yield a client of an API that is built on these parts. Limits are small; `shares` replaces some."""
    settings = ApiSettings(
        max_source_bytes=10_000,
        max_input_bytes=20_000,
        max_checker_bytes=30_000,
        web=web,
        front_doors=front_doors,
        judge0_conf=judge0_conf,
        **(limits or {}),
    )
    budgets = {"key_budget": KEY_BUDGET, "recipient_budget": RECIPIENT_BUDGET, **shares}
    backlog = replace(KeyBacklog.of(max_backlog), size_bytes=key_backlog_bytes)
    costs = QuotaCosts(**budgets)
    submissions = Submissions(database, store, costs, backlog, recipients=recipients)
    # Without a socket the kernel knows no owner: clients from this machine count as its user.
    authenticator = Authenticator(database, operator_keys, owner_of=lambda *_: os.geteuid())
    notifications = notifications or Notifications(database)
    app = create_app(
        Services(
            settings=settings,
            database=database,
            store=store,
            submissions=submissions,
            languages=CatalogReader(database),
            classic_list=ClassicList(database, store, memory(8 << 20, "Lists")),
            body_memory=memory(1 << 20, "Large submissions"),
            readiness=Readiness(database, store),
            backlog=BacklogGuard(database, max_backlog),
            outbox_publisher=outbox_publisher,
            authenticator=authenticator,
            signer=signer,
            response_memory=memory(large_answers_bytes, "Answers with many outputs"),
            notifications=notifications,
            streams=Streams(database, notifications, max_of_key=100, max_in_all=100),
            waits=waits(4 * max_waits + 1),
            queue_positions=QueuePositions(database),
            webhooks=webhooks or WebhookSettings(),
            dead_letters=dead_letters or OutboxDeadLetters(database),
            system_status=CachedFor(
                REUSED_SECONDS, lambda: read_system_status(database, dead_letters or OutboxDeadLetters(database))
            ),
            transient=TransientRuns(open_engine, RunSeconds(database, costs)),
        ),
    )
    if not front_doors:  # a door is an application with services of its own
        _share_routes(app)
    # An error that would be a 500 is raised here, so that no test overlooks it.
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://127.0.0.1")


@pytest.fixture
async def notifications(database: Database) -> AsyncIterator[Notifications]:
    """Yield a watcher that listens."""
    notifications, stop = Notifications(database), asyncio.Event()
    running = asyncio.create_task(notifications.run(stop))
    with notifications.watch(0) as connected, notifications.watch(0, channel=channels.BATCHES) as connected_too:
        await asyncio.gather(connected.wait(), connected_too.wait())
    async with database.listen(channels.LIVE_OUTPUT) as heard:
        await heard.wait()
    yield notifications
    stop.set()
    await running


@pytest.fixture
def api_with(database: Database, store: ObjectStore, outbox_publisher: OutboxPublisher, signer: LinkSigner) -> ApiWith:
    """Return a function that makes clients of one API, as `client_of` does."""
    return partial(client_of, database, store, outbox_publisher, signer)


@pytest.fixture
async def api(api_with: ApiWith) -> AsyncIterator[httpx.AsyncClient]:
    async with api_with() as client:
        yield client
