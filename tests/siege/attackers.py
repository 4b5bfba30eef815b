"""A process of attackers with one key and many connections: `python -m tests.siege.attackers URL KEY`.

Each kind is bounded in number and rate. SIGTERM ends them all; then the answers' counts are printed as JSON.
"""

import asyncio
import collections
import contextlib
import itertools
import json
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from tests.security.attacks import load

#: Attackers have their own addresses, so that a bound for each address does not hit honest clients. There are enough of
#: them for all connections below, at the 40 that the gateway lets each have.
_ADDRESSES: Final = [f"127.0.2.{number}" for number in range(1, 36)]
_OUTSTANDING: Final = 40
_HALF_HEADS: Final = 400
_STALLED_BODIES: Final = 60
_DRIPPING_FORMS: Final = 150
_UNREAD_FORMS: Final = 40
_WAITS: Final = 150
_STREAMS: Final = 300
_FORM: Final = "Content-Type: multipart/form-data; boundary=x\r\n"

Source = tuple[str, str]  # language, source

_SLEEPER: Final = ("py", "import time\ntime.sleep(600)\n")
_SPINNER: Final = ("py", "while True: pass\n")
#: Sources that were slow to analyse, or whose answers were large to render.
_POISON: Final[tuple[Source, ...]] = (
    ("java", "package" + " " * 20_000 + "x"),
    ("java", "public " * 8_000),
    ("java", "class A{}" * 50_000),
    ("py", "import sys\nsys.stdout.write('x' * 20000)\nsys.stderr.write('\\n' * 20000)\n"),
    ("py", "import sys\nsys.stdout.write('\\x01' * (1 << 20))\nsys.stderr.write('\\x01' * (1 << 20))\n"),
    ("py", "import sys\nsys.stdout.write('&' * (1 << 20))\n"),
    ("py", "import sys\nsys.stdout.write('\\n' * (1 << 20))\n"),
    ("py", "import os\n[os.fork() for _ in range(20)]\nwhile True: pass\n"),
    ("js", "for (;;) new Array(1e6).fill(1)\n"),
)


@dataclass
class Attackers:
    """`answers` counts the answers to the attacks, by attack and status."""

    url: str
    key: str
    answers: collections.Counter[str] = field(default_factory=collections.Counter)
    #: A submission that is held.
    held: int = 0

    async def run(self) -> None:
        """Attack in every way at once until cancelled."""
        self.held = await self._make_held()
        free = asyncio.Semaphore(_OUTSTANDING)
        attacks: list[Callable[[], Awaitable[None]]] = [
            lambda: self._submit_all(free),
            self._read_lists,
            self._send_nonsense,
            *[self._send_half_a_head] * _HALF_HEADS,
            *[self._stall_a_body] * _STALLED_BODIES,
            *[self._drip_a_form] * _DRIPPING_FORMS,
            *[self._post_a_form_and_read_nothing] * _UNREAD_FORMS,
            *[self._wait] * _WAITS,
            *[self._follow_what_is_held] * _STREAMS,
        ]
        async with asyncio.TaskGroup() as group:
            for attack in attacks:
                group.create_task(self._repeat(attack))

    async def _repeat(self, attack: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(OSError, httpx.HTTPError, asyncio.IncompleteReadError):
                await attack()
            await asyncio.sleep(random.uniform(2, 10))

    async def _submit_all(self, free: asyncio.Semaphore) -> None:
        """Submit every hostile program, each from another address, some tens at a time."""
        async with self._client() as client, asyncio.TaskGroup() as group:
            for number, (language, source) in enumerate(_programs()):
                await free.acquire()
                group.create_task(self._submit(client, number, language, source, free))
                await asyncio.sleep(0.2)

    async def _submit(
        self, client: httpx.AsyncClient, number: int, language: str, source: str, free: asyncio.Semaphore
    ) -> None:
        email = f"a{number % 200}@attack.example.com"
        try:
            registered = await client.post(
                "/submit_email/",
                data={"email": email, "language": language, "inputs": "", "enable": "0"},
                files={"file": (f"attack.{language}", source.encode())},
            )
            self.answers[f"submit {registered.status_code}"] += 1
            if registered.is_success:
                upload = registered.json().rpartition(" ")[2]
                answer = await client.get("/check_email/", params={"id": upload})
                self.answers[f"ask {answer.status_code}"] += 1
                await asyncio.sleep(5)  # it counts as outstanding until then, which bounds the rate
        except httpx.HTTPError as exc:
            self.answers[f"submit {type(exc).__name__}"] += 1
        finally:
            free.release()

    async def _read_lists(self) -> None:
        async with self._client() as client:
            for number in range(0, 200, 7):
                answer = await client.get("/check_user/", params={"email": f"a{number}@attack.example.com"})
                self.answers[f"list {answer.status_code}"] += 1
                await asyncio.sleep(0.1)

    async def _send_nonsense(self) -> None:
        """Send requests with every part wrong; 503 is the only 5xx that may answer them."""
        hostile = "\x7f" * 200
        async with self._client() as client:
            for request in (
                client.build_request("POST", "/submit_email/", content=b"--x\r\n" * 10_000),
                client.build_request("POST", "/submit_email/", json=[[[]]]),
                client.build_request("POST", "/submit_email/", data={"email": "a@b", "language": hostile}),
                client.build_request("GET", "/check_email/", params={"id": "9" * 5000}),
                client.build_request("GET", "/check_user/", params={"email": "@" * 20_000}),
                client.build_request("GET", f"/files/{'../' * 500}etc/passwd", params={"expires": 1, "signature": "x"}),
                client.build_request("DELETE", "/"),
            ):
                answer = await client.send(request)
                self.answers[f"nonsense {answer.status_code}"] += 1
                await asyncio.sleep(0.05)

    async def _send_half_a_head(self) -> None:
        _, writer = await self._connect()
        try:
            writer.write(b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\n")
            await writer.drain()
            await asyncio.sleep(60)
        finally:
            writer.close()

    async def _stall_a_body(self) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(
                b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                + f"Authorization: Bearer {self.key}\r\nContent-Length: 2000000\r\n\r\n".encode()
                + b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\n\r\n'
                + b"#" * 1_000_000
            )
            await writer.drain()
            async with asyncio.timeout(60):
                status = await reader.readline()
            self.answers[f"stalled body {status.decode('latin-1').strip()[:20]}"] += 1
        except TimeoutError:
            self.answers["stalled body kept 60 s"] += 1
        finally:
            writer.close()

    async def _drip_a_form(self) -> None:
        """Send a stranger's form, byte by byte after more than the gateway keeps."""
        reader, writer = await self._connect()
        try:
            path = random.choice(("/send", "/admin/login", "/v1/submissions", "/submit_email/"))
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{_FORM}Content-Length: 2000000\r\n\r\n".encode())
            writer.write(b'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\n' + b"#" * 20_000)
            end = asyncio.create_task(reader.read())
            while not end.done():
                writer.write(b"#")
                await asyncio.wait([end], timeout=5)
            answer = "cut off" if end.exception() else end.result()[9:12].decode()
            self.answers[f"dripping form {answer}"] += 1
        finally:
            writer.close()

    async def _post_a_form_and_read_nothing(self) -> None:
        """Send what would be five times as long if the page showed it again, with a key and without."""
        _, writer = await self._connect()
        try:
            field = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
            key = random.choice((self.key, "")).encode()
            body = field % (b"key", key) + field % (b"source", b'"' * 2_000_000) + b"--x--\r\n"
            writer.write(f"POST /send HTTP/1.1\r\nHost: x\r\n{_FORM}Content-Length: {len(body)}\r\n\r\n".encode())
            writer.write(body)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await writer.drain()
            self.answers["unread form"] += 1
            await asyncio.sleep(20)
        finally:
            writer.transport.abort()

    async def _wait(self) -> None:
        """Wait for a program that runs long."""
        body = json.dumps({"language": "py", "source": _SLEEPER[1]}).encode()
        await self._hold("wait", "POST /v1/submissions?wait=60", body)

    async def _follow_what_is_held(self) -> None:
        await self._hold("stream", f"GET /v1/submissions/{self.held}/events")

    async def _hold(self, name: str, request: str, body: bytes = b"") -> None:
        """Send a request, and read its answer until it ends."""
        reader, writer = await self._connect()
        try:
            head = f"{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            status = await reader.readline()
            self.answers[f"{name} {status[9:12].decode()}"] += 1
            while await reader.read(65536):
                pass
        finally:
            writer.close()

    async def _make_held(self) -> int:
        """Return the id of a submission that never runs, so that its event streams have no end."""
        async with self._client() as client:
            posted = await client.post("/v1/submissions", json={"language": "py", "source": "0", "hold": True})
            return int(posted.json()["id"])

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
            transport=httpx.AsyncHTTPTransport(local_address=random.choice(_ADDRESSES)),
        )

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port, local_addr=(random.choice(_ADDRESSES), 0))


def _programs() -> Iterator[Source]:
    """Yield all programs of the attack suite, mixed with ones that hold a slot for long or are costly to handle."""
    heavy = itertools.cycle((_SLEEPER, *_POISON, _SPINNER))
    for attack in load():
        yield attack.language, attack.source
        yield next(heavy)


async def _main(url: str, key: str) -> None:
    attackers = Attackers(url, key)
    attacking = asyncio.create_task(attackers.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, attacking.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await attacking
    print(json.dumps(dict(sorted(attackers.answers.items())), indent=1))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
