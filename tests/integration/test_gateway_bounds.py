"""Clients that are slow, wait or follow, at the gateway of Compose with a real API behind it: others are served."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from api_service.settings import ApiSettings
from shared.adapters.database.connection import Database
from shared.records.accounts.api_keys import Scope
from tests.fixtures.haproxy import haproxy
from tests.integration.api_service.process import api_process
from tests.integration.rows import make_key
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.security, pytest.mark.slow]

CONNECTIONS: Final = ApiSettings().connections
#: What the gateway lets one address have.
OF_AN_ADDRESS: Final = 40
#: An honest client's answer takes some milliseconds, and usually less than this beside all attackers.
AT_MOST_S: Final = 5.0 * PATIENCE
Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

FORM: Final = "Content-Type: multipart/form-data; boundary=x\r\n"
BODY: Final = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\n\r\n'


@pytest.fixture
def port(tmp_path: Path, database_url: str) -> Iterator[int]:
    """Yield the gateway's port. The API is set up as in Compose."""
    settings = {"PRECIEUX_CONNECTIONS_PER_ADDRESS": str(CONNECTIONS)}
    with (
        api_process(tmp_path, database_url, settings, open_files=4096) as api,
        haproxy(tmp_path, api.port) as port,
    ):
        yield port


def addresses(count: int, network: str) -> Iterator[str]:
    """Yield the address of each of so many connections: as few as the gateway allows."""
    return (f"{network}.{1 + number // OF_AN_ADDRESS}" for number in range(count))


@contextlib.asynccontextmanager
async def attackers(port: int, count: int, attack: Attack, network: str = "127.0.1") -> AsyncIterator[None]:
    """Keep so many connections busy while the block runs. It begins when all of them have been."""
    begun = asyncio.Semaphore(0)

    async def attack_on(address: str) -> None:
        is_first = True
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                try:
                    if is_first:
                        is_first = False
                        asyncio.get_running_loop().call_later(1, begun.release)
                    await attack(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(attack_on(address)) for address in addresses(count, network)]
    try:
        for _ in tasks:
            await begun.acquire()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def client_of(port: int, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)


async def typical(port: int, key: str) -> float:
    """Return the median of the times in which an honest client's programs were registered. Each must be."""
    times = []
    async with client_of(port, key) as client:
        for number in range(10):
            started = time.monotonic()
            answer = await client.post("/v1/submissions", json={"language": "py", "source": f"print({number})"})
            assert answer.status_code == 201, (number, answer.text)
            times.append(time.monotonic() - started)
            await asyncio.sleep(0.5)
    return statistics.median(times)


@pytest.mark.parametrize("path", ["/send", "/admin/login", "/v1/submissions", "/submit_email/"])
async def test_bodies_of_strangers_that_drip_keep_nobody_out(port: int, database: Database, path: str) -> None:
    """The first piece is longer than the gateway's buffer, so that the rest is the API's to wait for."""
    key = await make_key(database, Scope.SUBMIT, Scope.READ)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 2000000\r\n\r\n"
        writer.write(head.encode() + BODY + b"#" * 20_000)
        end = asyncio.create_task(reader.read())
        while not end.done():
            writer.write(b"#")
            await asyncio.wait([end], timeout=1)

    async with attackers(port, CONNECTIONS + 2 * OF_AN_ADDRESS, drip):
        assert await typical(port, key) < AT_MOST_S


async def test_the_waits_and_streams_of_a_key_keep_nobody_out(port: int, database: Database) -> None:
    greedy, honest = [await make_key(database, Scope.SUBMIT, Scope.READ) for _ in range(2)]
    # A held submission never ends, and neither does one in the queue, because no runner is there.
    held, queued = await posted(port, greedy, hold=True), await posted(port, greedy)
    statuses: dict[str, list[bytes]] = {"waits": [], "streams": []}

    def follow(kind: str, path: str) -> Attack:
        async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {greedy}\r\n\r\n".encode())
            statuses[kind].append((await reader.readline())[9:12])
            await reader.read()

        return attack

    async with (
        attackers(port, 300, follow("waits", f"/v1/submissions/{queued}?wait=60")),
        attackers(port, 300, follow("streams", f"/v1/submissions/{held}/events"), "127.0.2"),
    ):
        assert await typical(port, honest) < AT_MOST_S
        number = await posted(port, honest)
        async with client_of(port, honest) as client:
            assert (await client.get(f"/v1/submissions/{number}?wait=1")).status_code == 200
    assert statuses["waits"].count(b"429") >= 300 - CONNECTIONS // 4
    assert statuses["streams"].count(b"200") <= ApiSettings().max_streams
    assert set(statuses["streams"]) <= {b"200", b"429"}


async def posted(port: int, key: str, *, hold: bool = False) -> int:
    """Return the id of a new submission."""
    async with client_of(port, key) as client:
        answer = await client.post("/v1/submissions", json={"language": "py", "source": "print(1)", "hold": hold})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])
