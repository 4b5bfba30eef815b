"""The embedded Postgres on real servers: its start, its ends, and the end of its parent."""

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from precieux.postgres.cluster import complaint
from precieux.postgres.data_directory import FIRST_USER_ID, Account, find_data_directory, make_folder
from precieux.postgres.embedded import EmbeddedPostgres, running_url
from shared.adapters.database.migrate import upgrade
from shared.adapters.database.roles import Role
from shared.adapters.database.schema import require_current
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable
from shared.common.supervision.supervisor import StopRequested
from tests.fixtures.folders import server_folder
from tests.fixtures.postgres import connected, value_of
from tests.fixtures.processes import descendants
from tests.waiting import eventually_sync

#: A program that starts a server, prints a line, and waits to be killed.
OWNER = """
import pathlib, sys, time
from precieux.postgres.embedded import EmbeddedPostgres
with EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False) as postgres:
    print(postgres.pid, flush=True)
    time.sleep(300)
"""


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """Yield the data of a server that has run and stopped."""
    with server_folder("prepared") as folder:
        with EmbeddedPostgres(folder / "db", durable=False):
            pass
        yield folder / "db"


@pytest.fixture
def data(open_folder: Path, prepared: Path) -> Path:
    """Return a copy of these data: to make new ones takes ten times as long."""
    return copied(prepared, open_folder / "db")


@pytest.fixture(scope="module")
def running(prepared: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a server that every test leaves as it was. Its data are in `other` beside the prepared ones."""
    with EmbeddedPostgres(copied(prepared, prepared.parent / "other"), durable=False) as postgres:
        yield postgres


def copied(prepared: Path, target: Path) -> Path:
    make_folder(target.parent)
    subprocess.run(["cp", "-a", prepared, target], check=True)
    return target


def socket_of(postgres: EmbeddedPostgres) -> Path:
    """Return the socket of a server, where it has one."""
    return Path(parse_qs(urlsplit(postgres.url(Role.OWNER)).query)["host"][0])


def test_a_second_start_finds_the_data_of_the_first(open_folder: Path) -> None:
    (open_folder / "db/cluster.making/base").mkdir(parents=True)
    (open_folder / "db/password").write_text("half")  # a start before was killed
    with EmbeddedPostgres(open_folder / "db", durable=False) as postgres:
        value_of(postgres, "CREATE TABLE kept AS SELECT 'سلام' AS word")
        first_url = postgres.url(Role.OWNER)
    with EmbeddedPostgres(open_folder / "db", durable=False) as postgres:
        assert value_of(postgres, "SELECT word FROM kept") == "سلام"
        assert postgres.url(Role.OWNER) == first_url


def interrupt() -> NoReturn:
    raise StopRequested


def test_a_start_can_be_interrupted(data: Path) -> None:
    """A server that recovers after a crash may take long to start."""
    postgres = EmbeddedPostgres(data, durable=False, while_waiting=interrupt)
    with pytest.raises(StopRequested):
        postgres.start()
    assert not postgres.running
    assert not [process for process in descendants(os.getpid()) if str(data) in process.command]
    postgres.stop()


def test_a_start_that_waits_for_leftovers_can_be_interrupted(data: Path) -> None:
    """The processes of a killed server may take long to end."""
    leftover = os.open(data / "cluster", os.O_RDONLY)
    try:
        fcntl.flock(leftover, fcntl.LOCK_EX)
        with pytest.raises(StopRequested):
            EmbeddedPostgres(data, durable=False, while_waiting=interrupt).start()
    finally:
        os.close(leftover)


@pytest.mark.slow
def test_a_reused_process_id_does_not_block_the_start(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder / "db", durable=False) as postgres:
        pid = postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually_sync(lambda: not postgres.running)
        shutil.copytree(open_folder / "db/socket", open_folder / "left", ignore=shutil.ignore_patterns("*5432"))
    shutil.copytree(open_folder / "left", open_folder / "db/socket")  # what a killed owner leaves
    # Postgres takes only a process of its own user for another server.
    user = (open_folder / "db/cluster").stat().st_uid
    with subprocess.Popen(["sleep", "300"], user=user if os.geteuid() == 0 else None) as other:
        for lock in (open_folder / "db/cluster/postmaster.pid", open_folder / "db/socket/.s.PGSQL.5432.lock"):
            lock.write_text(lock.read_text().replace(str(pid), str(other.pid), 1))
            os.chown(lock, user, -1)
        try:
            with EmbeddedPostgres(open_folder / "db", durable=False) as postgres:
                assert value_of(postgres, "SELECT 1") == 1
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            """2026-11-29 16:20:38.674 UTC [107] FATAL:  could not write to file "pg_wal/x": No space left on device
            child process exited with exit code 1
            initdb: removing data directory "/data" """,
            'could not write to file "pg_wal/x": No space left on device. Make room on the disk',
        ),
        (
            """2026-11-29 16:20:39.417 UTC [107] FATAL:  could not extend file "base/1": wrote only 4096 of 8192 bytes
            2026-11-29 16:20:39.417 UTC [107] HINT:  Check free disk space.
            2026-11-29 16:20:39.417 UTC [107] STATEMENT:  CREATE DATABASE x""",
            'could not extend file "base/1": wrote only 4096 of 8192 bytes. Make room on the disk',
        ),
        ("pg_dump: error: connection to server failed: FATAL:  x", "connection to server failed: FATAL:  x"),
        ("Killed", "Killed"),
        ("", "it gave no reason"),
    ],
)
def test_a_failed_program_is_explained_by_its_error(output: str, reason: str) -> None:
    assert complaint(output.encode(), Path("/")) == reason


def test_a_server_that_wrote_no_reason_has_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 100, 50, 50, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert "the disk is full" in complaint(b"", tmp_path)


def test_a_user_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", no_name)
    with pytest.raises(ConfigurationError, match=r"The user id \d+ has no name.*/etc/passwd"):
        Account().with_a_name()


def test_a_read_only_folder_is_refused_in_one_sentence(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # as access(2) says of it, also to root
    with pytest.raises(ConfigurationError, match="is on a read-only file system"):
        find_data_directory(open_folder / "db")


def test_a_folder_that_fails_is_named_in_one_sentence(open_folder: Path) -> None:
    (open_folder / "db/lock").mkdir(parents=True)
    with pytest.raises(DatabaseUnavailable, match=r"cannot use its folder .*/db \(Is a directory: .*/lock\)"):
        EmbeddedPostgres(open_folder / "db").start()


def test_data_of_another_major_version_are_refused(data: Path) -> None:
    (data / "cluster/PG_VERSION").write_text("9.6\n")
    with (
        pytest.raises(ConfigurationError, match=r"made by Postgres 9\.6.*precieux restore FILE"),
        EmbeddedPostgres(data),
    ):
        pass


def test_data_without_their_password_are_refused(running: EmbeddedPostgres, prepared: Path) -> None:
    (prepared.parent / "other/password").rename(prepared.parent / "password")
    try:
        with pytest.raises(ConfigurationError, match=r"cannot be read \(No such file or directory: .*/password\)"):
            running_url(prepared.parent / "other", Role.OWNER)
    finally:
        (prepared.parent / "password").rename(prepared.parent / "other/password")
    assert running_url(prepared.parent / "other", Role.OWNER) == running.url(Role.OWNER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as another user")
def test_roots_data_below_a_private_folder_are_kept_elsewhere(open_folder: Path) -> None:
    (open_folder / "private").mkdir(mode=0o700)
    found = [find_data_directory(open_folder / "private/db") for _ in range(2)]
    shutil.rmtree(found[0].folder)
    assert found[0] == found[1]
    assert not found[0].folder.is_relative_to(open_folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_a_link_is_not_followed_to_roots_file(open_folder: Path) -> None:
    (open_folder / "secret").touch(mode=0o600)
    (open_folder / "link").symlink_to(open_folder / "secret")
    Account(FIRST_USER_ID, FIRST_USER_ID).own(open_folder / "link")
    assert (open_folder / "secret").stat().st_uid == 0
    assert (open_folder / "link").lstat().st_uid == FIRST_USER_ID


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the modes of folders")
def test_only_new_folders_change_their_mode(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user may make a link just before the folder is made."""
    (open_folder / "other").mkdir(mode=0o700)
    (open_folder / "new/link").parent.mkdir(mode=0o700)
    (open_folder / "new/link").symlink_to(open_folder / "other")
    monkeypatch.setattr(Path, "exists", lambda path: not path.is_relative_to(open_folder / "new"))
    make_folder(open_folder / "new/link")
    assert [(open_folder / name).stat().st_mode & 0o777 for name in ("other", "new")] == [0o700, 0o700]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the modes of folders")
@pytest.mark.parametrize(("umask", "parent"), [(0o022, 0o755), (0o077, 0o711)])
def test_parents_keep_the_mode_of_the_umask(open_folder: Path, umask: int, parent: int) -> None:
    old = os.umask(umask)
    try:
        make_folder(open_folder / "parent/data")
    finally:
        os.umask(old)
    modes = [(open_folder / name).stat().st_mode & 0o777 for name in ("parent", "parent/data")]
    assert modes == [parent, 0o711]


def test_a_running_server_is_closed_to_others(running: EmbeddedPostgres, prepared: Path) -> None:
    """No port is open, the folder of its socket is private, and a second server on its data is refused."""
    assert value_of(running, "SHOW listen_addresses") == ""
    socket = socket_of(running)
    assert socket.is_socket()
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert socket.parent.stat().st_uid == (prepared.parent / "other/cluster").stat().st_uid
    with pytest.raises(
        ConfigurationError, match=rf"Another Precieux is running on .* \(process {os.getpid()}\): stop it"
    ):
        EmbeddedPostgres(prepared.parent / "other", durable=False).start()


def test_a_killed_server_restarts_at_the_same_address(open_folder: Path, prepared: Path) -> None:
    """Its socket is in a temporary folder, because the path of a socket is short."""
    data = copied(prepared, open_folder / ("deep/" * 30) / "db")
    with EmbeddedPostgres(data, durable=False) as postgres:
        value_of(postgres, "CREATE TABLE kept AS SELECT 1 AS one")
        url, elsewhere = postgres.url(Role.OWNER), socket_of(postgres).parent
        assert not elsewhere.is_relative_to(open_folder)
        assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert running_url(data, Role.OWNER) == url
        pid = postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually_sync(lambda: not postgres.running)
        postgres.start()
        assert postgres.url(Role.OWNER) == url
        assert value_of(postgres, "SELECT one FROM kept") == 1
    assert not elsewhere.exists()


def test_neither_the_folders_name_nor_variables_matter(
    open_folder: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPORT", "PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"):  # of another server
        monkeypatch.setenv(name, "1")
    with EmbeddedPostgres(copied(prepared, open_folder / '"b", c\'d%20&?#@:سلام'), durable=False) as postgres:
        upgrade(postgres.url(Role.OWNER))
        asyncio.run(through_the_pool(postgres.url(Role.API)))
        assert value_of(postgres, "SELECT current_user || current_database()") == "precieux_ownerprecieux"


async def through_the_pool(url: str) -> None:
    async with connected(url) as database:
        await require_current(database)


def test_each_role_has_its_own_password(running: EmbeddedPostgres, prepared: Path) -> None:
    password = prepared.parent / "other/password"
    passwords = {urlsplit(running.url(role)).password for role in Role}
    assert len(passwords | {password.read_text().strip()}) == len(Role) + 1
    assert password.stat().st_mode & 0o777 == 0o600
    for wrong in ("x", urlsplit(running.url(Role.RUNNER)).password):
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(running.url(Role.OWNER), password=wrong))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as another user")
def test_roots_data_belong_to_a_user_without_a_name(running: EmbeddedPostgres) -> None:
    """`nobody`, as other daemons run too, makes them, because `initdb` needs a user with a name."""
    cluster, password = running.folder / "cluster", running.folder / "password"
    owners = {path.lstat().st_uid for path in (password, cluster, *cluster.rglob("*"))}
    assert owners == {Path(f"/proc/{running.pid}").stat().st_uid}
    with pytest.raises(KeyError):
        pwd.getpwuid(*owners)
