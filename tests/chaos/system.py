"""A whole installation for one test: services as processes, every dependency behind a proxy, and a supervisor."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import requests

from precieux.ports import free_ports
from precieux.postgres.embedded import EmbeddedPostgres
from shared.broker.base import Message
from shared.broker.dead_letters import DeadLetter
from shared.broker.postgres import PostgresBroker
from shared.broker.postgres_dead_letters import PostgresDeadLetters
from shared.broker.rabbitmq import RabbitMQBroker
from shared.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.database.connection import Database, DatabaseSettings
from shared.database.roles import Role
from tests.chaos.engine import EchoEngine
from tests.chaos.proxy import Proxy
from tests.chaos.receiver import SECRET, Receiver
from tests.chaos.service import Service
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.postgres import in_thread
from tests.fixtures.rabbitmq_server import RabbitMQServer
from tests.fixtures.s3 import S3Service

_ROLES: Final = {"api_service": Role.API, "queue_consumer": Role.CONSUMER, "job_runner": Role.RUNNER}

#: Work that a crash interrupts is found sooner than by default, to keep tests short.
LEASE_SECONDS: Final = 1
SETTINGS: Final = {
    "PRECIEUX_LEASE_SECONDS": str(LEASE_SECONDS),
    "PRECIEUX_POLL_INTERVAL": "1",
    "PRECIEUX_DRAIN_SECONDS": "5",
    "PRECIEUX_MAX_ATTEMPTS": "1000",
    # The tests kill engines and runners at random; no program is the cause.
    "PRECIEUX_MAX_CRASHES": "1000",
    "PRECIEUX_KEY_BUDGET": "1000000",
    # The reconciler would hide what the outbox and the acknowledgements fail to do.
    "PRECIEUX_SILENCE_SECONDS": "86400",
    "PRECIEUX_LOG_LEVEL": "INFO",
    "PRECIEUX_SECRET_KEY": "chaos-" * 8,
}


@dataclass(frozen=True)
class Backends:
    """The servers that a system uses; None is the embedded choice."""

    rabbitmq: RabbitMQServer | None = None
    s3: S3Service | None = None

    @property
    def name(self) -> str:
        return f"{'RabbitMQ' if self.rabbitmq else 'Postgres broker'} + {'S3' if self.s3 else 'local store'}"


class System:
    """Use it in the main thread only: its children end with the thread that started them."""

    def __init__(
        self, folder: Path, backends: Backends, *, mail_lease: float | None = 6, postgres: EmbeddedPostgres
    ) -> None:
        self.folder = folder
        self.backends = backends
        self.postgres = postgres
        self.engine = EchoEngine()
        self.mailgun = MailgunServer()
        self.receiver = Receiver()
        self.services: dict[str, Service] = {}
        self.proxies: dict[str, Proxy] = {}
        #: Set it if something went wrong: the folder with the logs is kept.
        self.keep_folder = False
        self._mail_lease = mail_lease
        self._stack = ExitStack()
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.engine)
            stack.enter_context(self.mailgun)
            stack.enter_context(self.receiver)
            targets: dict[str, int | Path] = {
                "postgres": Path(parse_qs(urlsplit(self._database_url()).query)["host"][0]),
                "engine": self.engine.port,
                "mail": _port(self.mailgun.url),
            }
            if self.backends.rabbitmq:
                targets["broker"] = _port(self.backends.rabbitmq.url)
            if self.backends.s3:
                targets["store"] = _port(self.backends.s3.endpoint_url)
            for name, target in targets.items():
                self.proxies[name] = stack.enter_context(Proxy(target))
            subprocess.run(
                [sys.executable, "-m", "shared.database.migrate"],
                env={**os.environ, "PRECIEUX_DATABASE_URL": self._database_url()},
                check=True,
                capture_output=True,
            )
            stack.callback(self._stop_services)
            for name, module in (
                ("api", "api_service"),
                ("consumer-1", "queue_consumer"),
                ("consumer-2", "queue_consumer"),
                ("runner-1", "job_runner"),
                ("runner-2", "job_runner"),
            ):
                self.services[name] = self.service(name, module)
                self.services[name].start()
            self.wait(self._is_ready, timeout=60, what="the API is ready")
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
        environment = {**self._environment(_ROLES[module]), **(changes or {})}
        return Service(name, module, environment, self.folder / f"{name}.log", [*options, *lease])

    def tend(self) -> None:
        """Restart the services that have died."""
        for service in self.services.values():
            service.tend()

    def wait(self, condition: Callable[[], Any], *, timeout: float, what: str) -> Any:
        """Tend the system until `condition` is true."""
        deadline = time.monotonic() + timeout
        while True:
            self.tend()
            if value := condition():
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {timeout:g} s; logs are in {self.folder}")
            time.sleep(0.05)

    def rest(self, seconds: float) -> None:
        """Tend the system for so long, while a fault lasts."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tend()
            time.sleep(0.05)

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a query, on a new connection that bypasses the proxy."""

        async def main() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self._database_url(), timeout=10)
            try:
                return [dict(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        rows: list[dict[str, Any]] = []
        in_thread(lambda: rows.extend(asyncio.run(main())))
        return rows

    def publish(self, messages: Sequence[Message]) -> None:
        """Put messages on the queue without the API, like a redelivery or a stranger."""

        async def main() -> None:
            if self.backends.rabbitmq:
                broker = RabbitMQBroker(self.backends.rabbitmq.url)
                assert all(await broker.publish(messages))
                await broker.close()
                return
            database = Database(DatabaseSettings.model_validate({"database_url": self._database_url()}))
            await database.connect()
            await PostgresBroker(database).publish(messages)
            await database.disconnect()

        in_thread(lambda: asyncio.run(main()))

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters, as the operator sees them."""
        letters: list[DeadLetter] = []

        async def main() -> None:
            if self.backends.rabbitmq:
                letters.extend(await RabbitMQDeadLetters(self.backends.rabbitmq.url).read(limit=1000))
                return
            database = Database(DatabaseSettings.model_validate({"database_url": self._database_url()}))
            await database.connect()
            letters.extend(await PostgresDeadLetters(database).read(limit=1000))
            await database.disconnect()

        in_thread(lambda: asyncio.run(main()))
        return letters

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def _stop_services(self) -> None:
        # A clean stop has its own tests.
        for service in self.services.values():
            service.kill()
            service.stop()

    def _database_url(self) -> str:
        """Return the address for the owner of the schema, which bypasses the proxy."""
        return self.postgres.url(Role.OWNER)

    def _environment(self, role: Role) -> dict[str, str]:
        environment = {
            **os.environ,
            **SETTINGS,
            "PRECIEUX_DATABASE_URL": _through(self.postgres.url(role), self.proxies["postgres"]),
            "PRECIEUX_DATA_DIR": str(self.folder),
            "PRECIEUX_PORT": str(self.port),
            "PRECIEUX_CODEX_URL": f"http://127.0.0.1:{self.proxies['engine'].port}",
            "PRECIEUX_MAILGUN_URL": f"http://127.0.0.1:{self.proxies['mail'].port}",
            "PRECIEUX_MAILGUN_DOMAIN": self.mailgun.domain,
            "PRECIEUX_MAILGUN_API_KEY": self.mailgun.api_key,
            "PRECIEUX_MAIL_FROM": "results@example.com",
            "PRECIEUX_WEBHOOK_SECRET": SECRET,
            "PRECIEUX_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
        }
        if self.backends.rabbitmq:
            environment["PRECIEUX_AMQP_URL"] = _through(self.backends.rabbitmq.url, self.proxies["broker"])
        if self.backends.s3:
            environment |= self.backends.s3.environment
            environment["PRECIEUX_S3_ENDPOINT_URL"] = f"http://127.0.0.1:{self.proxies['store'].port}"
            environment["PRECIEUX_S3_BUCKET"] = "chaos"
        return environment


@contextmanager
def running_system(backends: Backends, *, mail_lease: float | None = 6) -> Iterator[System]:
    """Yield a system on its own Postgres and folder. The folder with the logs stays if the block fails."""
    # Not pytest's tmp_path: as root, Postgres runs as a user who may not pass through that.
    folder = Path(tempfile.mkdtemp(prefix="precieux-chaos-"))
    folder.chmod(0o711)
    with (
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
        System(folder, backends, mail_lease=mail_lease, postgres=postgres) as system,
    ):
        yield system
    if not system.keep_folder:
        shutil.rmtree(folder, ignore_errors=True)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}", query=""))
