"""An installation on eleven hosts: two of each service, a primary with a standby, three nodes of the broker.

The engine, the mail provider, the object store and the receiver of webhooks are outside, each behind a proxy.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from shared.adapters.database.roles import Role
from tests.chaos.cluster import clock, disk, network
from tests.chaos.cluster.broker import broker_cluster
from tests.chaos.cluster.clock import Clock
from tests.chaos.cluster.database import DatabasePair, database_pair
from tests.chaos.cluster.disk import Disk
from tests.chaos.cluster.machine import Machine
from tests.chaos.cluster.network import Host, Network
from tests.chaos.installation import ROLES, SETTINGS, Installation, port_of
from tests.chaos.proxy import Proxy
from tests.chaos.service import Service
from tests.chaos.system import is_ready
from tests.fixtures.folders import server_folder
from tests.fixtures.postgres_node import PostgresNode
from tests.fixtures.rabbitmq_server import RabbitMQServer, find_script
from tests.fixtures.s3 import S3Service, moto_server

#: The key of the API's clients.
KEY: Final = "cluster-" * 5
#: The bucket of its object store.
BUCKET: Final = "cluster"
_PORT: Final = 8000
#: As in production. A shorter one expires on a busy machine, and such a job counts as interrupted (docs/adr/0005).
_LEASE_SECONDS: Final = 15
_SERVICES: Final = {
    "api-1": "api_service",
    "api-2": "api_service",
    "consumer-1": "queue_consumer",
    "consumer-2": "queue_consumer",
    "runner-1": "job_runner",
    "runner-2": "job_runner",
}
_DATABASES: Final = ("db-1", "db-2")
_BROKERS: Final = ("mq-1", "mq-2", "mq-3")


def missing_part() -> tuple[str, str] | None:
    """Return the needs of the world that this machine lacks, each with its remedy."""
    if find_script() is None:
        return "RabbitMQ", "`apt-get install rabbitmq-server`."
    if clock.find_library() is None:
        return "libfaketime", "`apt-get install libfaketime`."
    if (reason := network.obstacle()) is not None:
        return "a network of namespaces", reason
    if (reason := disk.obstacle()) is not None:
        return "a disk that loses its power", reason
    return None


class World(Installation):
    """`hosts` are its machines by name, and `clocks` theirs. The databases and the nodes of RabbitMQ have `disks`.

    `nodes` are RabbitMQ's, in the order of their hosts. `disk_folder` is where the disks are kept.
    """

    def __init__(self, folder: Path, network: Network, store: S3Service, disk_folder: Path) -> None:
        super().__init__(folder, "Postgres with a standby + RabbitMQ of three nodes + S3 + an engine that echoes")
        self.network = network
        self.store = store
        self.hosts: dict[str, Host] = {}
        self.clocks: dict[str, Clock] = {}
        self.disks: dict[str, Disk] = {}
        self._disk_folder = disk_folder
        self.database: DatabasePair
        self.nodes: list[RabbitMQServer]
        self._stack = ExitStack()

    @property
    def urls(self) -> list[str]:
        """The addresses of the API."""
        return [f"http://{self.hosts[name].address}:{_PORT}" for name in _SERVICES if name.startswith("api")]

    @property
    def webhook_url(self) -> str:
        return f"http://{self.network.observer}:{self.proxies['receiver'].port}/hook"

    def database_url(self) -> str:
        return self.database.primary.url(Role.OWNER)

    def disk_of(self, node: PostgresNode) -> Disk:
        return self.disks[self._name_of(node)]

    def _name_of(self, node: PostgresNode) -> str:
        return next(name for name, host in self.hosts.items() if host.address == node.host)

    def cut_power_of_database(self, node: PostgresNode) -> None:
        """Kill a database's machine. Its disk keeps what was synchronised."""
        node.kill()
        self.disk_of(node).cut_power()
        self.disk_of(node).repower()

    def cut_power_of_node(self, number: int) -> None:
        """Kill the machine of a node of RabbitMQ. Its disk keeps what was synchronised."""
        self.nodes[number].kill()
        disk = self.disks[_BROKERS[number]]
        disk.cut_power()
        disk.repower()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for stand_in in (self.engine, self.mailgun, self.receiver):
                stack.enter_context(stand_in)
            for name in (*_DATABASES, *_BROKERS, *_SERVICES):
                self.hosts[name] = self.network.host(name)
                self.clocks[name] = Clock(self.folder / f"{name}-clock")
            targets = {
                "engine": self.engine.server_port,
                "mail": port_of(self.mailgun.url),
                "receiver": port_of(self.receiver.url),
                "store": port_of(self.store.endpoint_url),
            }
            for name, port in targets.items():
                self.proxies[name] = stack.enter_context(Proxy(port, host=self.network.observer))
            for name in (*_DATABASES, *_BROKERS):
                self.disks[name] = stack.enter_context(Disk(self._disk_folder, self.folder / name))
            self.database = stack.enter_context(database_pair([self._machine(name) for name in _DATABASES]))
            script = find_script()
            assert script is not None
            self.nodes = stack.enter_context(broker_cluster(script, [self._machine(name) for name in _BROKERS]))
            self.migrate()
            stack.callback(self.stop_services)
            for name, module in _SERVICES.items():
                self.services[name] = self._service(name, module)
                self.services[name].start()
            self.wait(lambda: all(map(is_ready, self.urls)), timeout=120, what="the API is ready")
            self.wait(lambda: self.query("SELECT FROM languages"), timeout=60, what="a runner has asked the engine")
            for disk in self.disks.values():
                disk.synchronise()  # a new RabbitMQ does not outlive a power cut (docs/reliability.md)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _machine(self, name: str) -> Machine:
        return Machine(self.hosts[name], self.disks[name], self.clocks[name])

    def _service(self, name: str, module: str) -> Service:
        environment = self._environment(name, ROLES[module])
        lease = ["--mail-lease", "6"] if module == "job_runner" else []
        prefix = self.hosts[name].prefix
        return Service(module, environment, self.folder / f"{name}.log", lease, prefix=prefix)

    def _environment(self, name: str, role: Role) -> dict[str, str]:
        """Return the environment of a service that uses the database as this role."""
        folder = self.folder / f"{name}-data"
        folder.mkdir()
        outside = self.network.observer
        return {
            **os.environ,
            **SETTINGS,
            **self.mail_and_webhooks(outside),
            **self.store.environment,
            **self.clocks[name].environment,
            "PRECIEUX_LEASE_SECONDS": str(_LEASE_SECONDS),
            "PRECIEUX_API_KEYS": KEY,
            "PRECIEUX_HOST": self.hosts[name].address,
            "PRECIEUX_PORT": str(_PORT),
            "PRECIEUX_DATA_DIR": str(folder),
            "PRECIEUX_DATABASE_URL": self.database.url(role),
            "PRECIEUX_AMQP_URL": f"amqp://guest:guest@{','.join(self.hosts[name].address for name in _BROKERS)}/%2F",
            "PRECIEUX_CODEX_TOKEN": KEY,
            "PRECIEUX_CODEX_URL": f"http://{outside}:{self.proxies['engine'].port}",
            "PRECIEUX_S3_ENDPOINT_URL": f"http://{outside}:{self.proxies['store'].port}",
            "PRECIEUX_S3_BUCKET": BUCKET,
        }


@contextmanager
def running_world() -> Iterator[World]:
    """Yield a world in a folder of its own. The folder with the logs stays if the block fails."""
    # pytest's tmp_path does not work here: under root, Postgres runs as a user who may not pass through it.
    folder = Path(tempfile.mkdtemp(prefix="precieux-cluster-"))
    folder.chmod(0o711)
    with (
        moto_server() as store,
        Network() as hosts,
        server_folder("cluster-disks") as disks,
        World(folder, hosts, S3Service(store, "test", "test-secret"), disks) as world,
    ):
        yield world
    if not world.keep_folder:
        shutil.rmtree(folder, ignore_errors=True)
