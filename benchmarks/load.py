"""A minimal HTTP/1.1 client over kept connections, which takes little CPU time itself."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode, urlsplit

SOURCE: Final = b"n = int(input())\nprint(sum(i * i for i in range(n)))\n"
_BOUNDARY: Final = "precieux-benchmark"
#: Without an answer in this time the benchmark ends, so that no figure is wrong.
_PATIENCE_SECONDS: Final = 60.0

Item = TypeVar("Item")


class Client:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: str) -> None:
        self._reader = reader
        self._writer = writer
        self._fields = fields

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect to a server. The password in the address is the API key; without it, none is sent."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        key = f"Authorization: Bearer {parts.password}\r\n" if parts.password else ""
        return cls(reader, writer, f"Host: {parts.netloc.rpartition('@')[2]}\r\n{key}")

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        patience: float = _PATIENCE_SECONDS,
        status: int = 200,
        headers: str = "",
    ) -> bytes:
        """Return the body. Raise `RuntimeError` for another status, `TimeoutError` after `patience` seconds.

        `headers` are further lines of the head.
        """
        head = f"{method} {path} HTTP/1.1\r\n{self._fields}{headers}"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}\r\n".encode() + body)
        async with asyncio.timeout(patience):
            answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if "transfer-encoding: chunked" in answer:
                content = b"".join([chunk async for chunk in self._chunks()])
            else:
                length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
                content = await self._reader.readexactly(length)
        if not answer.startswith(f"http/1.1 {status}"):
            raise RuntimeError(f"{method} {path}: {answer.splitlines()[0]} {content[:200]!r}")
        return content

    async def _chunks(self) -> AsyncIterator[bytes]:
        while length := int(await self._reader.readline(), 16):
            yield await self._reader.readexactly(length)
            await self._reader.readline()
        await self._reader.readline()

    async def submit(self, number: int, *, email: str, inputs: str = "1000", source: bytes = SOURCE) -> None:
        query = {"id": number, "email": email, "inputs": inputs, "language": "python", "enable": 0}
        part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="p{number}.py"\r\n'
        body = f"{part}Content-Type: text/x-python\r\n\r\n".encode() + source + f"\r\n--{_BOUNDARY}--\r\n".encode()
        path = f"/submit_email/?{urlencode(query)}"
        await self.request("POST", path, body, f"multipart/form-data; boundary={_BOUNDARY}")

    async def post(self, path: str, content: Mapping[str, Any], status: int = 201) -> None:
        """Post a submission or a batch to API v1, which runs it at once."""
        await self.request("POST", path, json.dumps(content).encode(), "application/json", status=status)

    async def result(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a program to API v1, and return the submission with its result."""
        path, body = "/v1/submissions?wait=60", json.dumps(fields).encode()
        submission: dict[str, Any] = json.loads(
            await self.request("POST", path, body, "application/json", 2 * _PATIENCE_SECONDS, status=201)
        )
        if submission["verdict"] not in ("ok", "accepted"):
            raise RuntimeError(f"submission {submission['id']} is {submission['state']}: {submission['verdict']}")
        return submission

    async def check(self, number: int) -> None:
        await self.request("GET", f"/check_email/?id={number}")

    def close(self) -> None:
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a burst of submissions that are run at once: of classic pairs, or of posts to API v1."""

    pairs: int
    seconds: float
    median_ms: float
    p95_ms: float

    @property
    def rate(self) -> float:
        """Submissions a second."""
        return self.pairs / self.seconds


async def classic_pairs(url: str, numbers: Iterable[int], *, connections: int = 16) -> Load:
    """Submit each id and request its run, as fast as the answers come."""

    async def pair(client: Client, number: int) -> None:
        await client.submit(number, email=f"load{number % 50}@example.com")
        await client.check(number)

    return await _burst(url, numbers, pair, connections)


def program(**fields: Any) -> dict[str, Any]:
    """Return the body of a submission to API v1, with these fields beside its source and its input."""
    return {"language": "python", "source": SOURCE.decode(), "stdin": "1000", **fields}


def mailed(numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield the body of a submission with a recipient for each number."""
    return (program(email=f"load{number % 50}@example.com") for number in numbers)


async def posts(
    url: str,
    bodies: Iterable[Mapping[str, Any]],
    *,
    path: str = "/v1/submissions",
    status: int = 201,
    connections: int = 16,
) -> Load:
    """Post these bodies to API v1, as fast as the answers come."""

    async def post(client: Client, body: Mapping[str, Any]) -> None:
        await client.post(path, body, status)

    return await _burst(url, bodies, post, connections)


async def _burst(
    url: str, items: Iterable[Item], send: Callable[[Client, Item], Awaitable[None]], connections: int
) -> Load:
    """Send the items, each connection one after the other. The time that it takes to connect counts too."""
    left = iter(items)
    took: list[float] = []

    async def work(client: Client) -> None:
        for item in left:
            started = time.perf_counter()
            await send(client, item)
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    clients = [await Client.connect(url) for _ in range(connections)]
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(work(client))
    finally:
        for client in clients:
            client.close()
    seconds = time.perf_counter() - started
    p95 = statistics.quantiles(took, n=20)[-1]
    return Load(len(took), seconds, 1000 * statistics.median(took), 1000 * p95)
