"""An embedded Postgres at rest: what lies in its folder, how that is made, and who may use it.

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
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from precieux.parent_death import die_with_parent
from precieux.postgres_home import PostgresHome
from shared.errors import ConfigurationError, DatabaseUnavailable

#: Postgres inherits nothing of our environment, so no locale, PGDATA or secret of the caller's reaches it.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

_NAME: Final = "precieux"  # of the role and of the database
_LEFTOVERS_TIMEOUT: Final = 15.0  # s that the remains of a killed server may take to end
_POLL: Final = 0.005


@dataclass(frozen=True, slots=True)
class Status:
    """What postmaster.pid tells of a server that accepts connections."""

    pid: int
    port: int


class Cluster:
    """One folder. It may hold nothing yet: then `prepare` makes it."""

    def __init__(self, home: PostgresHome) -> None:
        self._home = home
        self._password = home.folder / "password"
        self._lock = home.folder / "lock"
        self.directory = home.folder / "cluster"
        self.log = home.folder / "log"

    def url(self, port: int) -> str:
        return f"postgresql://{_NAME}:{self._password.read_text().strip()}@127.0.0.1:{port}/{_NAME}"

    def prepare(self, *, durable: bool) -> None:
        """Make it when there is none; `ConfigurationError` when it is of another major version."""
        if not self.directory.exists():
            self._make(durable=durable)
            return
        made_by = (self.directory / "PG_VERSION").read_text().strip()
        if made_by != str(self._home.major):
            raise ConfigurationError(
                f"The data in {self._home.folder} were made by Postgres {made_by} and this is Postgres "
                f"{self._home.major}: move them over with pg_dump, or set PRECIEUX_DATA_DIR to a new folder."
            )

    def lock(self) -> int:
        """Become the owner, until the returned descriptor is closed; `ConfigurationError` when another process is."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ConfigurationError(
                f"Another Precieux is running on {self._home.folder}: stop it, or set PRECIEUX_DATA_DIR to another"
                " folder."
            ) from None
        return descriptor

    def is_locked(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def claim(self) -> int:
        """A second lock, for the server and all its processes to inherit: while one lives, orphaned or not, it is held.

        Postgres' own guard, the process id in postmaster.pid, is mistaken after a crash whenever that number has
        been given to another process. With this lock in hand the file is known to be stale, and is removed.
        """
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        deadline = time.monotonic() + _LEFTOVERS_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise ConfigurationError(
                        f"A Postgres that was left over still works in {self._home.folder}: stop it, and start again."
                    ) from None
                time.sleep(_POLL)
        self._status_file.unlink(missing_ok=True)
        return descriptor

    def ready_status(self) -> Status | None:
        """None while no server accepts connections, or has said so."""
        try:
            lines = self._status_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        # By number, as in LOCK_FILE_LINE_* of Postgres' miscadmin.h: 1 the process, 4 the port, 8 the state.
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        return Status(pid=int(lines[0]), port=int(lines[3]))

    @property
    def _status_file(self) -> Path:
        return self.directory / "postmaster.pid"

    def _make(self, *, durable: bool) -> None:
        # Made beside its place and then renamed, so that a start that was killed leaves no half of one.
        making = self.directory.with_name("cluster.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        self._home.account.own(making)
        self._password.unlink(missing_ok=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24) + "\n")
        self._home.account.own(self._password)
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=scram-sha-256"]
        if not durable:
            options.append("--no-sync")
        self._run("initdb", f"--pgdata={making}", f"--username={_NAME}", f"--pwfile={self._password}", *options)
        fsync = f"fsync={'on' if durable else 'off'}"
        self._run("postgres", "--single", "-D", str(making), "-c", fsync, "postgres", feed=f"CREATE DATABASE {_NAME}\n")
        making.rename(self.directory)

    def _run(self, program: str, *arguments: str, feed: str = "") -> None:
        account = self._home.account
        done = subprocess.run(
            [self._home.binaries / program, *arguments],
            input=feed.encode(),
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            preexec_fn=die_with_parent(signal.SIGKILL),
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise DatabaseUnavailable(f"{program} failed in {self._home.folder}: {said[-1] if said else 'no reason'}")
