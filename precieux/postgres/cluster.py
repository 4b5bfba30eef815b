"""The folder of an embedded Postgres: its content, its creation, and its locks.

cluster/    the data directory (PGDATA)
password    the superuser's, from which those of the roles are derived; mode 0600
socket/     the server listens here; mode 0700. It is in /tmp if this path is too long for a socket
log         the server's log since its last start
lock        locked by the process that owns the server
"""

import errno
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from precieux.postgres.data_directory import Account, DataDirectory
from shared.adapters.database.roles import DATABASE, Role, making
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable
from shared.common.service.parent_death import die_with_parent

#: Postgres does not inherit our environment, so no locale, PGDATA or secret of the caller reaches it.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

#: The superuser. It is used only to make the cluster.
_SUPERUSER: Final = "precieux"
_SOCKET: Final = ".s.PGSQL.5432"
_MAX_SOCKET_PATH: Final = 107  # bytes, of the kernel
_LEFTOVERS_TIMEOUT: Final = 15.0  # s in which the processes of a killed server must end
_POLL: Final = 0.005
#: What precedes an error: in a server's log the time and the process, otherwise the program.
_BEFORE_ERROR: Final = re.compile(r"^.*?\b(?:FATAL|PANIC|ERROR|error):\s*")


@dataclass(frozen=True, slots=True)
class PostmasterStatus:
    """The content of postmaster.pid of a server that accepts connections."""

    pid: int
    socket_folder: Path


class Cluster:
    """The cluster in one folder. `prepare` makes it if there is none."""

    def __init__(self, data: DataDirectory) -> None:
        self._data = data
        self._password = data.folder / "password"
        self._lock = data.folder / "lock"
        self.directory = data.folder / "cluster"
        self.log = data.folder / "log"

    def url(self, socket_folder: Path, role: Role) -> str:
        # The address names the socket itself: if it named the folder, PGPORT in the environment would change it.
        socket = quote(str(socket_folder / _SOCKET), safe="/")
        return f"postgresql://{role}:{self._password_of(role)}@/{DATABASE}?host={socket}"

    def prepare(self, *, durable: bool) -> None:
        """Make the cluster if there is none. Raise `ConfigurationError` if it is of another major version."""
        if not self.directory.exists():
            self._make(durable=durable)
            return
        made_by = (self.directory / "PG_VERSION").read_text().strip()
        if made_by != str(self._data.major):
            raise ConfigurationError(
                f"The data in {self._data.folder} were made by Postgres {made_by}, and this is Postgres "
                f"{self._data.major}: back them up with the old release (`precieux backup FILE`), then restore them "
                "with this one into a new folder (`precieux restore FILE`, PRECIEUX_DATA_DIR)."
            )

    def make_socket_folder(self) -> Path:
        """Make a folder that only the server's account and root may enter, and return it."""
        folder = self._data.folder / "socket"
        # In an address, a comma separates two hosts.
        if len(os.fsencode(folder / _SOCKET)) <= _MAX_SOCKET_PATH and "," not in str(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._data.account.own(folder)
            return folder
        # TMPDIR is not used: its path may be as long, or only root may enter it.
        folder = Path(tempfile.mkdtemp(prefix="precieux-socket-", dir="/tmp"))
        self._data.account.own(folder)
        return folder

    def lock(self) -> int:
        """Lock the folder until the returned descriptor is closed. Raise `ConfigurationError` if it is locked."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(descriptor, fcntl.LOCK_EX):
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(descriptor)
            raise ConfigurationError(
                f"Another Precieux is running on {self._data.folder} (process {owner}): stop it, or set"
                " PRECIEUX_DATA_DIR to another folder."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def is_locked(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def claim(self, socket_folder: Path, while_waiting: Callable[[], None]) -> int:
        """Take a second lock, which the server and all its processes inherit, and return its descriptor.

        It is held while any of them lives. Postgres itself checks the process ids in postmaster.pid and in the lock of
        its socket, which may belong to an unrelated process after a crash. With this lock both files are known to be
        stale, and are removed. An exception of `while_waiting` ends the wait.
        """
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        deadline = time.monotonic() + _LEFTOVERS_TIMEOUT
        try:
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise ConfigurationError(
                        f"An orphaned Postgres still runs in {self._data.folder}: stop it, and start again."
                    )
                while_waiting()
                time.sleep(_POLL)
        except BaseException:
            os.close(descriptor)
            raise
        for stale in (self._status_file, socket_folder / f"{_SOCKET}.lock"):
            stale.unlink(missing_ok=True)
        return descriptor

    def ready_status(self) -> PostmasterStatus | None:
        """Return the status of the server; None until it accepts connections."""
        try:
            lines = self._status_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        # Lines by number (LOCK_FILE_LINE_* in Postgres' miscadmin.h): 1 the process, 5 the socket folder, 8 the state.
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        return PostmasterStatus(pid=int(lines[0]), socket_folder=Path(lines[4]))

    @property
    def _status_file(self) -> Path:
        return self.directory / "postmaster.pid"

    def _make(self, *, durable: bool) -> None:
        # Made under another name and then renamed, so that a killed start leaves no partial cluster.
        draft = self.directory.with_name("cluster.making")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        gid, maker = self._data.account.gid, self._data.account.with_a_name()
        if gid is not None:
            # Other daemons may share the maker's account, but not this group.
            os.chown(draft, 0, gid)
        draft.chmod(0o700 if gid is None else 0o710)
        cluster, password = draft / "cluster", draft / "password"
        cluster.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n")
        for path in (cluster, password):
            maker.own(path)
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=scram-sha-256"]
        if not durable:
            options.append("--no-sync")
        arguments = (f"--pgdata={cluster}", f"--username={_SUPERUSER}", f"--pwfile={password}", *options)
        self._run("initdb", *arguments, account=maker)
        self._data.account.own(password)
        password.rename(self._password)
        statements = [
            *making({role: self._password_of(role) for role in Role}),
            f"CREATE DATABASE {DATABASE} OWNER {Role.OWNER}",
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {', '.join(Role)}",
        ]
        # `postgres --single` takes each line for a statement.
        feed = "".join(f"{statement}\n" for statement in statements)
        options = ["-c", f"fsync={'on' if durable else 'off'}", "-c", "exit_on_error=on"]
        self._run("postgres", "--single", "-D", str(cluster), *options, "postgres", account=maker, feed=feed)
        self._hand_over(cluster)
        cluster.rename(self.directory)
        draft.rmdir()

    def _hand_over(self, directory: Path) -> None:
        """Give the directory to the server's account if another one has made it."""
        uid, gid = self._data.account.uid, self._data.account.gid
        if uid is None or gid is None or directory.stat().st_uid == uid:
            return
        # It uses descriptors and follows no link, because other daemons may share the maker's account.
        for _, folders, files, descriptor in os.fwalk(directory):
            for name in (*folders, *files):
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
        os.chown(directory, uid, gid, follow_symlinks=False)

    def _password_of(self, role: Role) -> str:
        """Return the role's password. The function is one-way, so it does not reveal those of others."""
        try:
            of_superuser = self._password.read_text().strip()
        except OSError as exc:
            raise ConfigurationError(
                f"The password of the database cannot be read ({exc.strerror}: {self._password}): let this user read"
                " the file, or restore a backup by `precieux restore`."
            ) from exc
        return hmac.digest(of_superuser.encode(), role.encode(), hashlib.sha256).hex()

    def _run(self, program: str, *arguments: str, account: Account, feed: str = "") -> None:
        done = subprocess.run(
            [self._data.binaries / program, *arguments],
            input=feed.encode(),
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            preexec_fn=die_with_parent(signal.SIGKILL),
            **account.arguments,
        )
        if done.returncode != 0:
            raise DatabaseUnavailable(
                f"{program} failed in {self._data.folder}: {complaint(done.stderr, self._data.folder)}."
            )


def complaint(output: bytes, folder: Path) -> str:
    """Return what made a program of Postgres fail in `folder`, from its log or its standard error."""
    lines = output.decode(errors="replace").strip().splitlines()
    # Other lines may follow the error, such as its context.
    reason = next((line for line in lines if _BEFORE_ERROR.search(line)), lines[-1] if lines else "it gave no reason")
    if not lines and os.statvfs(folder).f_bavail == 0:
        return "the disk is full, so it could not say so. Make room on the disk"
    is_full = any("Check free disk space" in line or os.strerror(errno.ENOSPC) in line for line in lines)
    return _BEFORE_ERROR.sub("", reason).rstrip(".") + (". Make room on the disk" if is_full else "")


def _try_lock(descriptor: int, kind: int) -> bool:
    """Lock a file by flock(2). Return False if another process has locked it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
