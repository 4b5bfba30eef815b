"""What an operator reads while something is away: `docs/operations.md` has the same table."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr
from structlog.testing import capture_logs

from api_service.background.outbox_publisher import OutboxPublisher
from job_runner.emails.mailers.errors import Blame, MailerUnavailable
from job_runner.emails.sending.sender import MailSender
from job_runner.runs.process import Processor
from precieux.host.ports import free_ports
from shared.adapters.broker.open import open_broker
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import EngineClient
from shared.adapters.engine.engines import Engines
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.operations.health import HealthServer, HealthSettings
from tests.factories import BRANDING
from tests.fixtures.postgres import connected
from tests.fixtures.webhook_receiver import answer, receiving
from tests.integration.job_runner.engines import PlayedEngine
from tests.integration.job_runner.mails import COMPLETION, ScriptedMailer, add_email
from tests.integration.job_runner.program_rows import running
from tests.integration.loops import looping
from tests.integration.precieux.commands import status
from tests.integration.rows import Outage, add_job, execute, fetch
from tests.sources import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")


@dataclass
class Place:
    """Where something is away."""

    database: Database
    folder: Path
    patch: pytest.MonkeyPatch

    def processor(self, engine: EngineClient) -> Processor:
        store = LocalStore(self.folder, LinkSigner(b"k" * 32, "http://api"))
        return Processor(self.database, store, engine, BRANDING, 3)

    async def count(self) -> None:
        await HealthServer(HealthSettings(), self.database, counts_backlog=True)._metrics(cast("Any", None))

    @asynccontextmanager
    async def waiting_job(self, engine: EngineClient) -> AsyncIterator[None]:
        await add_job(self.database)
        async with running(self.database, self.processor(engine)):
            await eventually(lambda: fetch(self.database, "SELECT FROM job WHERE failure IS NOT NULL"))
            yield
        await engine.close() if isinstance(engine, Engines) else None


def _engine(port: int) -> Engines:
    return Engines(EngineSettings(codex_url=f"http://127.0.0.1:{port}"))


async def engine_away(place: Place) -> AsyncIterator[None]:
    async with place.waiting_job(_engine(free_ports(1)[0])):
        yield


async def engine_full(place: Place) -> AsyncIterator[None]:
    async with receiving() as receiver:
        receiver.answers = [answer(503)] * 1000
        async with place.waiting_job(_engine(receiver.port)):
            yield


async def store_away(place: Place) -> AsyncIterator[None]:
    """It goes while the program runs."""

    async def lose_the_store(_: str) -> None:
        shutil.rmtree(place.folder)
        place.folder.touch()

    async with place.waiting_job(PlayedEngine(lose_the_store)):
        # More runners would not help.
        await execute(place.database, "UPDATE job SET created_at = now() - interval '1 hour', run_after = 'infinity'"
                      " WHERE id = :id", id=await add_job(place.database))  # fmt: skip
        assert "jobs-wait" not in [line["trouble"] for line in await asyncio.to_thread(status, code=1)]
        yield


async def database_away(place: Place) -> AsyncIterator[None]:
    url = f"postgresql://u@127.0.0.1:{free_ports(1)[0]}/d"
    place.patch.setattr("precieux.installation.operator_database._CONNECT_TIMEOUT", 0.3)
    place.patch.setenv("PRECIEUX_DATABASE_URL", url)
    Outage(place.database, place.patch).is_on = True
    async with running(place.database, place.processor(PlayedEngine(lambda _: asyncio.sleep(0)))):
        await place.count()
        yield


async def broker_away(place: Place) -> AsyncIterator[None]:
    url = f"amqp://guest:guest@127.0.0.1:{free_ports(1)[0]}/"
    place.patch.setenv("PRECIEUX_AMQP_URL", url)
    await execute(place.database, "INSERT INTO outbox (queue, body, created_at) VALUES ('emails', '1', 'epoch')")
    broker = open_broker(BrokerSettings(amqp_url=SecretStr(url)))
    assert broker is not None
    async with looping(OutboxPublisher(place.database, broker).run):
        await place.count()
        yield
    await broker.close()


async def provider_away(place: Place) -> AsyncIterator[None]:
    mailer = ScriptedMailer()
    mailer.failures = [MailerUnavailable("the account is refused", blame=Blame.ACCOUNT)] * 1000
    await add_email(place.database)
    async with looping(MailSender(place.database, mailer, COMPLETION, poll_interval=3600).run):
        yield


async def process_gone(_: Place) -> AsyncIterator[None]:
    yield


_PAUSED: Final = ("PrecieuxClaimsPaused", "claims.paused", "precieux_runner_claims_paused")
_GONE: Final = ("PrecieuxServiceGone", "", "precieux_service")
#: By what is away: how to take it away; the trouble of `status --system`, the alert, the log event and the metric.
OUTAGES: Final[dict[str, tuple[Callable[[Place], AsyncIterator[None]], str, str, str, str]]] = {
    "the engine": (engine_away, "nothing-runs", *_PAUSED),
    "free slots of another CodeX engine": (engine_full, "nothing-runs", *_PAUSED),
    "the object store": (store_away, "nothing-runs", *_PAUSED),
    "the database": (
        database_away, "database-down", "PrecieuxDatabaseUnreachable", "runner.waiting", "precieux_database_up"
    ),
    "RabbitMQ": (
        broker_away, "broker-down", "PrecieuxOutboxStuck", "outbox.waiting", "precieux_backlog_oldest_age_seconds"
    ),
    "the mail provider": (
        provider_away, "mails-paused", "PrecieuxMailerPaused", "mails.paused", "precieux_mailer_paused"
    ),
    "every API": (process_gone, "no-api", *_GONE),
    "every runner": (process_gone, "no-runner", *_GONE),
    "every consumer": (process_gone, "no-consumer", *_GONE),
}  # fmt: skip


@pytest.mark.parametrize("what", OUTAGES)
async def test_an_outage_is_named(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    begin, trouble, alert, event, metric = OUTAGES[what]
    folder = tmp_path / "store"
    folder.mkdir()
    async with connected(database_url) as database:
        with capture_logs() as logs:
            async with asynccontextmanager(begin)(Place(database, folder, monkeypatch)):
                await eventually(lambda: not event or event in [entry["event"] for entry in logs], what=event)
                troubles = [line["trouble"] for line in await asyncio.to_thread(status, code=1)]
                samples = generate_latest().decode()
    assert trouble in troubles
    rule = re.search(rf"alert: {alert}\n\s+expr: (.*)", (ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert rule
    assert metric in rule[1]
    value = "0.0" if metric == "precieux_database_up" else r"(?!0\.0$).*"
    labels = "" if event else "absent"
    labels = r'\{where="outbox"\}' if event == "outbox.waiting" else labels
    assert bool(re.search(rf"^{metric}{labels} {value}$", samples, re.MULTILINE)) is bool(event)


def test_the_manual_has_the_same_table() -> None:
    manual = (ROOT / "docs/operations.md").read_text()
    table = manual.partition("| what is away |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]
    assert cells == [[what, *row[1:]] for what, row in OUTAGES.items()]
