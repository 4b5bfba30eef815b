"""The servers that the measured services need: the benchmark's own Postgres, RabbitMQ and S3 server.

All listen on the loopback interface, and are removed at the end. Postgres is durable: commits reach the disk.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from alembic import command

from precieux.host.ports import free_ports
from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.database.migrate import alembic_config
from tests.fixtures.postgres import administrator_url
from tests.fixtures.processes import descendants
from tests.fixtures.rabbitmq_server import RabbitMQServer, find_script
from tests.fixtures.s3 import moto_server

_CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    folder: Path
    postgres: EmbeddedPostgres
    broker: RabbitMQServer | None = None
    s3_url: str = ""

    @property
    def rabbitmq(self) -> RabbitMQServer:
        assert self.broker is not None, "these surroundings have no RabbitMQ"
        return self.broker

    @property
    def rabbitmq_pid(self) -> int:
        return next(child.pid for child in descendants(os.getpid()) if "beam.smp" in child.command)

    def new_database(self, *, migrated: bool = True) -> str:
        """Make a new database on the server, and return its address."""
        name = f"benchmark_{secrets.token_hex(4)}"
        server = administrator_url(self.postgres)
        execute(server, f'CREATE DATABASE "{name}"')
        url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        if migrated:
            command.upgrade(alembic_config(url), "head")
        return url

    def installation(
        self, *, rabbitmq: bool = False, s3: bool = False, codex_url: str = "http://127.0.0.1:9", **settings: str
    ) -> "Installation":
        """Return an installation with a new database and data folder, and the environment of its services.

        `settings` are further settings by their names without the prefix.
        """
        database_url = self.new_database()
        (port,) = free_ports(1)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PRECIEUX_DATABASE_URL": database_url,
            "PRECIEUX_DATA_DIR": tempfile.mkdtemp(prefix="data-", dir=self.folder),
            "PRECIEUX_PORT": str(port),
            "PRECIEUX_CODEX_URL": codex_url,
            "PRECIEUX_LOG_LEVEL": "WARNING",
            **{f"PRECIEUX_{name.upper()}": value for name, value in settings.items()},
        }
        if rabbitmq:
            environment["PRECIEUX_AMQP_URL"] = self.rabbitmq.url
        if s3:
            bucket = f"benchmark-{secrets.token_hex(4)}"
            environment |= {**_CREDENTIALS, "PRECIEUX_S3_ENDPOINT_URL": self.s3_url, "PRECIEUX_S3_BUCKET": bucket}
        return Installation(f"http://127.0.0.1:{port}", database_url, environment)


@dataclass(frozen=True, slots=True)
class Installation:
    url: str
    database_url: str
    environment: dict[str, str]


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    script = find_script()
    if script is None:
        raise SystemExit("RabbitMQ is not installed: `apt-get install rabbitmq-server`.")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="precieux-benchmark-"))
        folder.chmod(0o711)  # root's Postgres runs as another user, which must pass through it
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        (folder / "rabbitmq").mkdir()
        rabbitmq = stack.enter_context(RabbitMQServer(folder / "rabbitmq", script))
        yield Surroundings(folder, postgres, rabbitmq, stack.enter_context(moto_server()))


def execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
