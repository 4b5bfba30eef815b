"""Clients that send slowly, read slowly, or request much, against a process with little memory and few files."""

import asyncio
import contextlib
import itertools
import random
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.secret import kept_secret
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.api_keys import Scope
from tests.fixtures.memory_group import little_memory, peak_memory
from tests.integration import rows
from tests.integration.api_service.process import ApiProcess, api_process
from tests.integration.rows import execute, fetch, offer
from tests.problem_packages import NEW, pack
from tests.waiting import PATIENCE, eventually, eventually_sync

pytestmark = pytest.mark.security

MEMORY: Final = 256 << 20
_LIMITS: Final = dict.fromkeys(("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"), 10)
EMAIL: Final = "a@example.com"
BODY: Final = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\n\r\n'
MAX: Final = 2 << 20
LIST: Final = f"/check_user/?email={EMAIL}&limit=1000"
FILE: Final = 16 << 20


@pytest.fixture
def limited() -> Iterator[Callable[[], None]]:
    with little_memory(MEMORY) as enter:
        yield enter


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Raise our limit on files, since this process holds the attackers' ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def make_key(database: Database) -> bytes:
    return (await rows.make_key(database, Scope.SUBMIT, Scope.READ)).encode()


def connect(api: ApiProcess, number: int) -> socket.socket:
    """Connect from one of several addresses, so that no bound on a single one helps."""
    connection = socket.socket()
    connection.settimeout(30)
    connection.bind((f"127.0.0.{2 + number // 100}", 0))
    connection.connect(("127.0.0.1", api.port))
    return connection


def is_served(api: ApiProcess, key: bytes, size: int = 0) -> bool:
    """True if an honest client's program is accepted."""
    answer = httpx.post(
        f"{api.url}/submit_email/",
        data={"email": EMAIL, "language": "py"},
        files={"file": ("a.py", b"print(1)" + b"#" * size)},
        headers={"Authorization": f"Bearer {key.decode()}"},
        timeout=30,
    )
    return answer.status_code == 200


# ---- Attacks: each holds its connections until the end of the test --------------------------------------------------


def half_sent_heads(api: ApiProcess, stack: contextlib.ExitStack, count: int) -> None:
    for number in range(count):
        attacker = stack.enter_context(connect(api, number))
        with contextlib.suppress(ConnectionError):
            attacker.sendall(b"POST /submit_email/ HTTP/1.1\r\nA: " + b"a" * 60_000)


def stalled_bodies(api: ApiProcess, stack: contextlib.ExitStack, count: int, key: bytes) -> None:
    """Send all but the end of the largest body, with a declared length and without."""
    head = (
        b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n" % key
    )
    lengths = (b"Content-Length: %d\r\n\r\n" % MAX, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % MAX)
    attackers = [stack.enter_context(connect(api, number)) for number in range(count)]
    for number, attacker in enumerate(attackers):
        attacker.settimeout(1)
        with contextlib.suppress(OSError):
            attacker.sendall(head + lengths[number % 2] + BODY + b"a" * (MAX - len(BODY) - 1))


def post_and_read_nothing(api: ApiProcess, stack: contextlib.ExitStack, path: bytes, key: bytes) -> None:
    """Send 40 forms of almost the largest size, and read none of the answers."""
    for number in range(40):
        sender = stack.enter_context(connect(api, number))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        field = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = field % (b"key", key) + field % (b"source", b'"' * (MAX - 1000)) + b"--x--\r\n"
        head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n" % path
        with contextlib.suppress(OSError):
            sender.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def unread_answers(api: ApiProcess, stack: contextlib.ExitStack, count: int, path: str, key: bytes = b"") -> None:
    attackers = [stack.enter_context(connect(api, number)) for number in range(count)]
    for attacker in attackers:
        request = b"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (path.encode(), key)
        with contextlib.suppress(ConnectionError):
            attacker.sendall(request)
    eventually_sync(lambda: all(_has_answer(attacker) for attacker in attackers), what="all are answered")


async def heavy_rows(database: Database) -> None:
    """Add 200 submissions of the first key, each with texts of 1 MiB that take most room in JSON or in Python."""
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


async def large_file(folder: Path) -> str:
    """Add a large file; return the path of its link."""
    signer = LinkSigner(kept_secret(folder / "data"), "http://x")
    store = LocalStore(folder / "data/objects", signer)
    await store.put("results/1.txt", b"\x01" * FILE)
    await store.close()
    return signer.link("results/1.txt", expires=int(time.time()) + 600).removeprefix("http://x")


async def large_submissions(api: ApiProcess, key: bytes, count: int) -> set[int]:
    """Return the statuses of so many submissions at once, each with the largest source and input."""
    async with httpx.AsyncClient(timeout=120, headers={"Authorization": f"Bearer {key.decode()}"}) as client:

        async def submit() -> int:
            fields = {"email": EMAIL, "language": "py", "inputs": "\x01" * (1 << 20)}
            files = {"file": ("a.py", b"#" * (1 << 20))}
            try:
                return (await client.post(f"{api.url}/submit_email/", data=fields, files=files)).status_code
            except httpx.TransportError:
                return 503  # closed before the answer was read, since the server refused the rest of the body

        return set(await asyncio.gather(*(submit() for _ in range(count))))


# ---- What the attacks must not achieve ------------------------------------------------------------------------------


@pytest.mark.slow
async def test_forms_of_strangers_take_little_memory(
    tmp_path: Path, database: Database, database_url: str, limited: Callable[[], None]
) -> None:
    """Each form would be several times as long if it came back, and nobody reads the answers."""
    key = await make_key(database)
    with (
        api_process(tmp_path, database_url, in_child=limited) as api,
        contextlib.ExitStack() as stack,
    ):
        for path, known in itertools.product((b"/send", b"/admin/login", b"/v1/mailgun/events"), (b"", key)):
            post_and_read_nothing(api, stack, path, known)
        assert is_served(api, key)
        assert peak_memory(api.process.pid) < MEMORY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "places"),
    [
        (201, "data/sample/1.interaction data/sample/1.in.statement data/sample/1.ans submissions/wrong_answer/big.py"),
        (201, "data/secret/01.in data/invalid_input/1.in input_validators/big.py attachments/big statement/a.tex"),
        (422, "output_validator/big.py include/py/big.py data/secret/01.files/big data/secret/01.yaml"),
        (422, "problem.xml"),
    ],
)
async def test_a_package_of_large_files_takes_little_memory(
    tmp_path: Path, database: Database, database_url: str, limited: Callable[[], None], status: int, places: str
) -> None:
    """A link counts as a copy of its file, and 300 MiB are a few MiB in the zip."""
    key = await rows.make_key(database, Scope.PROBLEMS)
    await offer(database, compiled=False, limits=dict.fromkeys(_LIMITS, 1 << 30))
    lines = b"".join(random.Random(line).randbytes(24) + b"#" * 1000 for line in range(310_000))
    links = {place: "../" * place.count("/") + "big" for place in places.split()}
    package = pack({**{path: text for path, text in NEW.items() if path not in links}, "big": lines}, links)
    del lines
    settings = {"PRECIEUX_MAX_PROBLEM_BYTES": str(4 << 30), "PRECIEUX_MAX_TEST_BYTES": str(1 << 30)}
    with api_process(tmp_path, database_url, settings, in_child=limited) as api:
        async with httpx.AsyncClient(base_url=api.url, timeout=100) as client:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/zip"}
            answer = await client.put("/v1/problems/large", content=package.getvalue(), headers=headers)
        assert answer.status_code == status, answer.text
        assert peak_memory(api.process.pid) < MEMORY


@pytest.mark.slow
async def test_a_strangers_body_has_ten_seconds_in_all(tmp_path: Path, database: Database, database_url: str) -> None:
    await make_key(database)
    with api_process(tmp_path, database_url) as api, api.connect() as connection:
        connection.sendall(
            b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 2000000\r\n\r\n"
        )
        started = time.monotonic()
        while not select.select([connection], [], [], 0.5)[0]:
            connection.sendall(b"-")
        assert connection.recv(12) == b"HTTP/1.1 408"
        assert 8 < time.monotonic() - started < 18 * PATIENCE


# The second one is just within the bound of a batch (393,216).
@pytest.mark.parametrize("size", [pytest.param(MAX, marks=pytest.mark.slow), 640_000])
async def test_json_of_very_many_values_takes_little_memory(
    tmp_path: Path, database: Database, database_url: str, limited: Callable[[], None], size: int
) -> None:
    """Each object takes 232 bytes in Python, and five in the text. A key may have three such bodies under way."""
    keys = [await make_key(database) for _ in range(3)]
    nest = b'{"":' * 50 + b"0" + b"}" * 50 + b","
    body = b'{"submissions":[%s0]}' % (nest * (size // len(nest)))
    with api_process(tmp_path, database_url, in_child=limited) as api:
        answers = await asyncio.gather(*(asyncio.to_thread(_post_batch, api, key, body) for key in keys[:2] * 3))
        assert set(answers) <= {422, 503}
        assert is_served(api, keys[2])
        assert peak_memory(api.process.pid) < MEMORY


def _post_batch(api: ApiProcess, key: bytes, body: bytes) -> int:
    headers = {"Authorization": f"Bearer {key.decode()}", "Content-Type": "application/json"}
    return httpx.post(f"{api.url}/v1/batches", content=body, headers=headers, timeout=60).status_code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "beginning"),
    [
        (b"POST /v1/submissions", b'{"language":"py","source":"x","webhook_url":"https://example.com/x","a":['),
        (b"POST /v1/batches", b'{"webhook_url":"https://example.com/x","submissions":['),
        (b"POST /submissions?wait=true", b'{"language_id":71,"source_code":"x","a":['),
        (b"GET /submissions/batch", b'{"tokens":"x","a":['),
    ],
    ids=["submissions", "batches", "judge0", "judge0 batch"],
)
async def test_many_small_bodies_of_many_values_take_little_memory(
    tmp_path: Path,
    database: Database,
    database_url: str,
    limited: Callable[[], None],
    line: bytes,
    beginning: bytes,
) -> None:
    """The budget of bodies leaves out the first 64 KiB of each. Judge0's clients may send unknown keys."""
    await offer(database, compiled=False, limits=_LIMITS)
    keys = [await make_key(database) for _ in range(4)]
    nest = b'{"":' * 50 + b"0" + b"}" * 50 + b","
    body = beginning + nest * (65_000 // len(nest)) + b"0]}"
    with (
        api_process(tmp_path, database_url, {"PRECIEUX_FRONT_DOORS": "judge0"}, in_child=limited) as api,
        contextlib.ExitStack() as stack,
    ):
        senders = []
        for number in range(400):
            senders.append(stack.enter_context(connect(api, number)))
            key = keys[number // 100]
            senders[-1].sendall(
                b"%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nX-Auth-Token: %s\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (line, key, key, len(body))
            )
        for sender in senders:
            sender.sendall(body)
        await asyncio.sleep(10)  # not all are answered, so no event marks that it has read them
        assert api.process.poll() is None
        assert peak_memory(api.process.pid) < MEMORY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "content", "source"),
    [
        ("/v1/submissions?wait=60", {"language": "py"}, "source"),
        ("/submissions?wait=true", {"language_id": 71}, "source_code"),
    ],
    ids=["submissions", "judge0"],
)
async def test_requests_that_wait_leave_room_for_large_bodies(
    tmp_path: Path, database: Database, database_url: str, path: str, content: dict[str, Any], source: str
) -> None:
    await offer(database, compiled=False, limits=_LIMITS)
    keys = [(await make_key(database)).decode() for _ in range(3)]
    with api_process(tmp_path, database_url, {"PRECIEUX_FRONT_DOORS": "judge0"}) as api:
        assert await asyncio.to_thread(is_served, api, keys[2].encode())
        async with httpx.AsyncClient(base_url=api.url, timeout=60) as client, asyncio.TaskGroup() as group:
            waiting: list[asyncio.Task[httpx.Response]] = []

            async def all_wait_or_are_refused() -> bool:
                stored = await fetch(database, "SELECT id FROM uploads")
                return len(stored) - 1 + sum(one.done() for one in waiting) == len(waiting)

            # The long ones take most of two keys' shares, and the short ones the rest.
            for sizes in ([1_900_000] * 4, [600_000, 300_000, 150_000, 100_000]):
                for size, key in itertools.product(sizes, keys[:2]):
                    body = {**content, source: "#" * (size // 2), "stdin": " " * (size // 2)}
                    headers = {"Authorization": f"Bearer {key}", "X-Auth-Token": key}
                    waiting.append(group.create_task(client.post(path, json=body, headers=headers)))
                await eventually(all_wait_or_are_refused)
            assert sum(not one.done() for one in waiting) >= 8
            assert await asyncio.to_thread(is_served, api, keys[2].encode(), 900_000)
            for one in waiting:
                one.cancel()


@pytest.mark.slow
async def test_the_api_survives_all_attacks_at_once(
    tmp_path: Path, database: Database, database_url: str, limited: Callable[[], None]
) -> None:
    keys = [await make_key(database) for _ in range(3)]
    await heavy_rows(database)
    path = await large_file(tmp_path)
    with (
        api_process(tmp_path, database_url, open_files=1024, in_child=limited) as api,
        contextlib.ExitStack() as stack,
    ):
        stalled_bodies(api, stack, 60, keys[0])
        stalled_bodies(api, stack, 60, keys[1])
        unread_answers(api, stack, 60, LIST, keys[0])
        unread_answers(api, stack, 100, path)
        half_sent_heads(api, stack, 600)
        assert is_served(api, keys[2])
        assert await large_submissions(api, keys[2], 100) <= {200, 503}
        assert is_served(api, keys[2])
        assert peak_memory(api.process.pid) < MEMORY
    assert "request.crashed" not in api.log
    assert "Traceback" not in api.log


def _has_answer(reader: socket.socket) -> bool:
    reader.setblocking(False)
    try:
        return bool(reader.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
