"""Clients that send slowly, read slowly, or ask for much, against a real process with little memory and few files."""

import asyncio
import contextlib
import os
import resource
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from shared import api_keys
from shared.api_keys import Scope
from shared.database import Database
from shared.storage.local import LocalStore
from shared.storage.secret import kept_secret
from shared.storage.signing import LinkSigner
from tests.integration.api_service.process import ApiProcess, api_process
from tests.integration.rows import execute
from tests.waiting import eventually_sync

pytestmark = [pytest.mark.integration, pytest.mark.security]

MEMORY: Final = 256 << 20
_CGROUPS: Final = Path("/sys/fs/cgroup/memory")
EMAIL: Final = "a@example.com"
BOUNDARY: Final = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\n\r\n'


@pytest.fixture
def little_memory() -> Iterator[Callable[[], None]]:
    """What a process calls to have no more than that, page cache and buffers of its sockets aside."""
    if os.geteuid() != 0 or not (_CGROUPS / "memory.limit_in_bytes").exists():
        # Counts what is mapped as well, of which the libraries and threads' stacks take a part.
        yield lambda: resource.setrlimit(resource.RLIMIT_DATA, (2 * MEMORY, 2 * MEMORY))
        return
    group = _CGROUPS / f"precieux-test-{secrets.token_hex(4)}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(MEMORY))
    yield lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None
    eventually_sync(lambda: not (group / "cgroup.procs").read_text(), what="the group is empty")
    group.rmdir()


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """This process holds the attackers' ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def make_key(database: Database) -> bytes:
    async with database.transaction() as connection:
        _, key = await api_keys.create(connection, "attacker", [Scope.SUBMIT, Scope.READ])
    return key.encode()


def connect(api: ApiProcess, number: int) -> socket.socket:
    """From one of several addresses, so that no bound on a single one helps."""
    connection = socket.socket()
    connection.settimeout(30)
    connection.bind((f"127.0.0.{2 + number // 100}", 0))
    connection.connect(("127.0.0.1", api.port))
    return connection


def peak(api: ApiProcess) -> int:
    status = Path(f"/proc/{api.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def is_served(api: ApiProcess, key: bytes) -> bool:
    """An honest client, who submits a small program."""
    answer = httpx.post(
        f"{api.url}/submit_email/",
        data={"email": EMAIL, "language": "py"},
        files={"file": ("a.py", b"print(1)")},
        headers={"Authorization": f"Bearer {key.decode()}"},
        timeout=30,
    )
    return answer.status_code == 200


async def test_half_sent_heads_lock_nobody_out(
    tmp_path: Path, database: Database, database_url: str, little_memory: Callable[[], None]
) -> None:
    key = await make_key(database)
    with (
        api_process(tmp_path, database_url, open_files=1024, in_child=little_memory) as api,
        contextlib.ExitStack() as attackers,
    ):
        for number in range(1100):
            attacker = attackers.enter_context(connect(api, number))
            with contextlib.suppress(ConnectionError):
                attacker.sendall(b"POST /submit_email/ HTTP/1.1\r\nA: " + b"a" * 60_000)
        assert is_served(api, key)
        assert httpx.get(f"{api.url}/healthz", timeout=30).status_code == 200
        assert peak(api) < MEMORY


async def test_stalled_bodies_leave_room_for_others_and_are_ended(
    tmp_path: Path, database: Database, database_url: str, little_memory: Callable[[], None]
) -> None:
    key, honest = await make_key(database), await make_key(database)
    size = 2 << 20
    head = b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    settings = {"PRECIEUX_BODY_SECONDS": "5", "PRECIEUX_BODY_PAUSE_SECONDS": "5"}
    with (
        api_process(tmp_path, database_url, settings, in_child=little_memory) as api,
        contextlib.ExitStack() as stack,
    ):
        attackers = [stack.enter_context(connect(api, number)) for number in range(300)]
        for number, attacker in enumerate(attackers):
            attacker.settimeout(2)
            length = b"Transfer-Encoding: chunked\r\n\r\n" if number % 2 else b"Content-Length: %d\r\n\r\n" % size
            body = BOUNDARY + b"a" * (size - 1000)
            with contextlib.suppress(OSError):
                attacker.sendall(head % key + length + (b"%x\r\n" % size if number % 2 else b"") + body)
        assert is_served(api, honest)
        assert peak(api) < MEMORY
        # Each is answered, though none has sent its end.
        for attacker in attackers:
            attacker.settimeout(60)
            with contextlib.suppress(ConnectionError):
                assert attacker.recv(64)[:12] in (b"HTTP/1.1 408", b"HTTP/1.1 503", b"HTTP/1.1 413", b"")


async def test_a_body_is_not_read_before_its_sender_is_known(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    await make_key(database)
    with api_process(tmp_path, database_url) as api, connect(api, 0) as stranger:
        stranger.sendall(
            b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert stranger.recv(64).startswith(b"HTTP/1.1 401")


async def test_long_lists_are_sent_in_little_memory(
    tmp_path: Path, database: Database, database_url: str, little_memory: Callable[[], None]
) -> None:
    key = await make_key(database)
    await execute(
        database,
        "INSERT INTO uploads (id, email, language, inputs, owner)"
        " SELECT n, :email, 'py', repeat(chr(1), 1048576), 1 FROM generate_series(1, 200) AS n",
        email=EMAIL,
    )
    await execute(
        database,
        "INSERT INTO job (id, upload, job, status) SELECT id, id, repeat(chr(1), 1048576), 'executed' FROM uploads",
    )
    await execute(
        database,
        "INSERT INTO results (job, upload, output, error)"
        " SELECT id, id, repeat(chr(1), 1048576), repeat(chr(128512), 262144) FROM uploads",
    )
    ask = (
        b"GET /check_user/?email=a@example.com&limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % key
    )
    with (
        api_process(tmp_path, database_url, in_child=little_memory) as api,
        contextlib.ExitStack() as stack,
    ):
        slow = [stack.enter_context(connect(api, number)) for number in range(200)]
        for reader in slow:
            reader.sendall(ask)
        eventually_sync(lambda: sum(_has_answer(reader) for reader in slow) == len(slow), what="all are answered")
        rows = await _whole_list(api, key)
        assert rows == 200
        assert httpx.get(f"{api.url}/healthz", timeout=30).status_code == 200
        assert peak(api) < MEMORY


async def test_slow_readers_of_large_files_take_little_memory(
    tmp_path: Path, database_url: str, little_memory: Callable[[], None]
) -> None:
    signer = LinkSigner(kept_secret(tmp_path / "data"), "http://x")
    store = LocalStore(tmp_path / "data/objects", signer)
    await store.put("results/1.txt", b"\x01" * (16 << 20))
    await store.close()
    path = signer.link("results/1.txt", expires=int(time.time()) + 600).removeprefix("http://x").encode()
    with (
        api_process(tmp_path, database_url, in_child=little_memory) as api,
        contextlib.ExitStack() as stack,
    ):
        readers = [stack.enter_context(connect(api, number)) for number in range(400)]
        for reader in readers:
            reader.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
        for reader in readers:
            assert reader.recv(12) == b"HTTP/1.1 200"
        whole = httpx.get(api.url + path.decode(), timeout=60)
        assert len(whole.content) == 16 << 20
        assert peak(api) < MEMORY


def _has_answer(reader: socket.socket) -> bool:
    reader.setblocking(False)
    try:
        return bool(reader.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


async def _whole_list(api: ApiProcess, key: bytes) -> int:
    """How many rows an honest client gets, who comes again when it is told to."""
    async with httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {key.decode()}"}) as client:
        for _ in range(60):
            answer = await client.get(f"{api.url}/check_user/", params={"email": EMAIL, "limit": 1000})
            if answer.status_code == 200:
                return len(answer.json()["result"])
            assert answer.status_code == 503
            await asyncio.sleep(1)
    return 0
