"""A whole installation on this machine for one test, with every dependency behind a proxy."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

import requests

from precieux.host.ports import free_ports
from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.broker.base import Message
from shared.adapters.broker.dead_letters import DeadLetter
from shared.adapters.broker.outbox_dead_letters import OutboxDeadLetters
from shared.adapters.broker.rabbitmq import RabbitMQBroker
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.adapters.database.roles import Role
from tests.chaos.installation import ROLES, SETTINGS, Installation, port_of
from tests.chaos.proxy import Proxy
from tests.chaos.service import ROOT, Service
from tests.fixtures.brokers import publish_to_outbox
from tests.fixtures.postgres import connected, in_thread
from tests.fixtures.rabbitmq_server import RabbitMQServer
from tests.fixtures.s3 import S3Service


@dataclass(frozen=True)
class Backends:
    """The servers that a system uses; None is the embedded choice."""

    rabbitmq: RabbitMQServer | None = None
    s3: S3Service | None = None

    @property
    def name(self) -> str:
        return f"{'RabbitMQ' if self.rabbitmq else 'no broker'} + {'S3' if self.s3 else 'local store'}"


class System(Installation):
    """An installation on this machine, with every dependency behind a proxy."""

    def __init__(
        self,
        folder: Path,
        backends: Backends,
        *,
        mail_lease: float | None = 6,
        postgres: EmbeddedPostgres,
        release: Path = ROOT,
    ) -> None:
        super().__init__(folder, backends.name)
        self.release = release
        self.backends = backends
        self.postgres = postgres
        self._mail_lease = mail_lease
        self._stack = ExitStack()
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for stand_in in (self.engine, self.mailgun, self.receiver):
                stack.enter_context(stand_in)
            targets: dict[str, int | Path] = {
                "postgres": Path(parse_qs(urlsplit(self.database_url()).query)["host"][0]),
                "engine": self.engine.server_port,
                "mail": port_of(self.mailgun.url),
            }
            if self.backends.rabbitmq:
                targets["broker"] = port_of(self.backends.rabbitmq.url)
            if self.backends.s3:
                targets["store"] = port_of(self.backends.s3.endpoint_url)
            for name, target in targets.items():
                self.proxies[name] = stack.enter_context(Proxy(target))
            self.migrate()
            stack.callback(self.stop_services)
            for name, module in (
                ("api", "api_service"),
                ("consumer-1", "queue_consumer"),
                ("consumer-2", "queue_consumer"),
                ("runner-1", "job_runner"),
                ("runner-2", "job_runner"),
            ):
                self.services[name] = self.service(name, module)
                self.services[name].start()
            self.wait(lambda: is_ready(self.url), timeout=60, what="the API is ready")
            self.wait(lambda: self.query("SELECT FROM languages"), timeout=30, what="a runner has asked the engine")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def service(
        self, name: str, module: str, *, options: Sequence[str] = (), changes: Mapping[str, str] | None = None
    ) -> Service:
        """Return another process of a service, not started and not tended."""
        lease = ["--mail-lease", str(self._mail_lease)] if module == "job_runner" and self._mail_lease else []
        environment = {**self._environment(ROLES[module]), **(changes or {})}
        log = self.folder / f"{name}.log"
        return Service(module, environment, log, [*options, *lease], release=self.release)

    def publish(self, messages: Sequence[Message]) -> None:
        """Put messages on the queue without the API, like a redelivery or a stranger."""

        async def main() -> None:
            if self.backends.rabbitmq:
                broker = RabbitMQBroker(self.backends.rabbitmq.url)
                assert all(await broker.publish(messages))
                await broker.close()
                return
            async with connected(self.database_url()) as database:
                await publish_to_outbox(database, messages)

        in_thread(lambda: asyncio.run(main()))

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters, as the operator sees them."""
        letters: list[DeadLetter] = []

        async def main() -> None:
            if self.backends.rabbitmq:
                letters.extend(await RabbitMQDeadLetters(self.backends.rabbitmq.url).read(limit=1000))
                return
            async with connected(self.database_url()) as database:
                letters.extend(await OutboxDeadLetters(database).read(limit=1000))

        in_thread(lambda: asyncio.run(main()))
        return letters

    def database_url(self) -> str:
        """Return the address for the owner of the schema, which bypasses the proxy."""
        return self.postgres.url(Role.OWNER)

    def _environment(self, role: Role) -> dict[str, str]:
        environment = {
            **os.environ,
            **SETTINGS,
            **self.mail_and_webhooks("127.0.0.1"),
            "PRECIEUX_DATABASE_URL": _through(self.postgres.url(role), self.proxies["postgres"]),
            "PRECIEUX_DATA_DIR": str(self.folder),
            "PRECIEUX_PORT": str(self.port),
            "PRECIEUX_CODEX_URL": f"http://127.0.0.1:{self.proxies['engine'].port}",
        }
        if self.backends.rabbitmq:
            environment["PRECIEUX_AMQP_URL"] = _through(self.backends.rabbitmq.url, self.proxies["broker"])
        if self.backends.s3:
            environment |= self.backends.s3.environment
            environment["PRECIEUX_S3_ENDPOINT_URL"] = f"http://127.0.0.1:{self.proxies['store'].port}"
            environment["PRECIEUX_S3_BUCKET"] = "chaos"
        return environment


@contextmanager
def running_system(backends: Backends, *, mail_lease: float | None = 6, release: Path = ROOT) -> Iterator[System]:
    """Yield a system on its own Postgres and folder. The folder with the logs stays if the block fails."""
    # Not pytest's tmp_path: as root, Postgres runs as a user who may not pass through that.
    folder = Path(tempfile.mkdtemp(prefix="precieux-chaos-"))
    folder.chmod(0o711)
    with (
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
        System(folder, backends, mail_lease=mail_lease, postgres=postgres, release=release) as system,
    ):
        yield system
    if not system.keep_folder:
        shutil.rmtree(folder, ignore_errors=True)


def is_ready(url: str) -> bool:
    """Return whether the API at this address takes requests."""
    try:
        return requests.get(f"{url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}", query=""))
