"""The base of all installations under faults: services as processes, a supervisor, stand-ins, and direct access."""

import asyncio
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from shared.adapters.database.roles import Role
from tests.chaos.engine import EchoEngine
from tests.chaos.proxy import Proxy
from tests.chaos.receiver import SECRET, Receiver
from tests.chaos.service import ROOT, Service
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.postgres import in_thread
from tests.waiting import PATIENCE, eventually_sync

ROLES: Final = {"api_service": Role.API, "queue_consumer": Role.CONSUMER, "job_runner": Role.RUNNER}

#: Work that a crash interrupts is found sooner than by default, to keep tests short.
LEASE_SECONDS: Final = 1
SETTINGS: Final = {
    "PRECIEUX_LEASE_SECONDS": str(LEASE_SECONDS),
    "PRECIEUX_POLL_INTERVAL": "1",
    "PRECIEUX_KEY_BUDGET": "1000000",
    # The reconciler would hide what the outbox and the acknowledgements fail to do.
    "PRECIEUX_LOG_LEVEL": "INFO",
    "PRECIEUX_SECRET_KEY": "chaos-" * 8,
}


class Installation(ABC):
    """Use it in the main thread only: its children end with the thread that started them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        #: The names of its servers.
        self.name = name
        self.engine = EchoEngine()
        self.mailgun = MailgunServer()
        self.receiver = Receiver()
        self.services: dict[str, Service] = {}
        self.proxies: dict[str, Proxy] = {}
        #: The folder of the release that `migrate` and new services run.
        self.release = ROOT
        #: Set this if something went wrong; then the folder with the logs is kept.
        self.keep_folder = False

    @abstractmethod
    def database_url(self) -> str:
        """Return the address for the owner of the schema, which bypasses every fault."""

    @property
    def webhook_url(self) -> str:
        return self.receiver.url

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "precieux", "migrate"],
            cwd=self.release,
            env={**os.environ, "PRECIEUX_DATABASE_URL": self.database_url(), "PYTHONPATH": str(self.release)},
            check=True,
            capture_output=True,
        )

    def mail_and_webhooks(self, host: str) -> dict[str, str]:
        """Return the settings of the mailer and of webhooks; `host` is where the proxies and the receiver are."""
        return {
            "PRECIEUX_MAILGUN_URL": f"http://{host}:{self.proxies['mail'].port}",
            "PRECIEUX_MAILGUN_DOMAIN": self.mailgun.domain,
            "PRECIEUX_MAILGUN_API_KEY": self.mailgun.api_key,
            "PRECIEUX_MAIL_FROM": "results@example.com",
            "PRECIEUX_WEBHOOK_SECRET": SECRET,
            "PRECIEUX_WEBHOOK_ALLOWED_HOSTS": host,
        }

    def tend(self) -> None:
        """Restart the services that have died."""
        for service in self.services.values():
            service.tend()

    def wait(self, condition: Callable[[], Any], *, timeout: float, what: str) -> Any:
        """Restart dead services until `condition` is true."""

        def met() -> Any:
            self.tend()
            return condition()

        return eventually_sync(met, timeout, what=f"{what} (logs are in {self.folder})")

    def rest(self, seconds: float) -> None:
        """Restart dead services for so many seconds, while a fault lasts."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tend()
            time.sleep(0.05)

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a query, on a new connection that bypasses the proxy."""

        async def main() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.database_url(), timeout=10 * PATIENCE)
            try:
                return [dict(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        rows: list[dict[str, Any]] = []
        in_thread(lambda: rows.extend(asyncio.run(main())))
        return rows

    def stop_services(self) -> None:
        """Kill and reap the processes. A clean stop has its own tests."""
        for service in self.services.values():
            service.kill()
            service.stop()


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
