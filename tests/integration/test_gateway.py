"""The gateway of Compose, with its own configuration and a test's backend instead of the API's replicas."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.haproxy import haproxy
from tests.fixtures.http_serving import read_all
from tests.fixtures.http_thread import Handler, Server
from tests.waiting import eventually_sync

#: Connections of one address; few, to keep the test short.
CONNECTIONS: Final = 8
REQUESTS: Final = 60
#: More than a test of the other limit needs.
MANY: Final = 1000


class Backend(Server):
    """Answers with the length of the body, and records the paths."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.paths: list[str] = []
        #: The client of each connection that has sent a request.
        self.clients: list[tuple[str, int]] = []
        #: Seconds until each answer about its readiness, and the number of those answers.
        self.readiness_s = 0.0
        self.checks = 0


class _Handler(Handler):
    server: Backend

    def get(self) -> None:
        if self.path == "/readyz":
            time.sleep(self.server.readiness_s)
            self.server.checks += 1
        self.answer(200, b"ready")

    def post(self) -> None:
        self.server.paths.append(self.path)
        self.server.clients.append(self.client_address)
        length = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(200, str(length).encode())


class Gateway:
    def __init__(self, port: int, backend: Backend) -> None:
        self.port = port
        self.backend = backend

    @contextmanager
    def connected(self, source: str = "127.0.0.1") -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), 30, source_address=(source, 0)) as connection:
            yield connection

    def answer(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """Return all that arrives until the connection ends; nothing if it is refused."""
        try:
            with self.connected(source) as connection:
                connection.sendall(request)
                return read_all(connection)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def post(body: bytes, path: str = "/", **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextmanager
def gateway(folder: Path, *, connections: int = MANY, requests: int = MANY, silence: str = "20s") -> Iterator[Gateway]:
    with Backend() as backend, ExitStack() as stack:
        port = stack.enter_context(
            haproxy(
                folder,
                backend.server_port,
                settings={"PRECIEUX_CONNECTIONS_PER_ADDRESS": str(connections)},
                changes={
                    'rate,div(50) ge "${PRECIEUX_CONNECTIONS_PER_ADDRESS}"': f"rate gt {requests}",
                    # The test waits for this one: the shorter, the sooner it ends.
                    "timeout http-request 10s": "timeout http-request 1s",
                    "timeout client 20s": f"timeout client {silence}",
                    # Connections that a test holds must last on a slow machine.
                    "timeout http-keep-alive 15s": "timeout http-keep-alive 60s",
                },
            )
        )
        yield Gateway(port, backend)


@pytest.mark.parametrize(
    ("part", "silence"),
    [(b"POST /slow HTTP/1.1\r\nHost: x\r\n", "20s"), (post(b"x" * 10_000, "/slow")[:-9_000], "2s")],
    ids=["head", "body"],
)
def test_a_request_that_does_not_end_costs_the_api_nothing(tmp_path: Path, part: bytes, silence: str) -> None:
    with gateway(tmp_path, silence=silence) as one, ExitStack() as stack:
        slow = [stack.enter_context(one.connected()) for _ in range(50)]
        for connection in slow:
            connection.sendall(part)
        assert all(read_all(connection).startswith(b"HTTP/1.1 408 ") for connection in slow)
        assert one.backend.paths == []


def test_many_connections_of_one_address_leave_room_for_others(tmp_path: Path) -> None:
    with gateway(tmp_path, connections=CONNECTIONS) as one, ExitStack() as stack:
        held = [stack.enter_context(one.connected()) for _ in range(CONNECTIONS)]
        for connection in held:
            # A whole request each, so that the limit refuses them and no deadline.
            connection.sendall(GET.replace(b"Connection: close\r\n", b""))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert one.answer(GET) == b""
        assert one.answer(GET, "127.0.0.2").startswith(b"HTTP/1.1 200 ")
        held[0].close()
        eventually_sync(lambda: one.answer(GET).startswith(b"HTTP/1.1 200 "), what="a place has become free")


@pytest.mark.slow
def test_a_busy_replica_that_is_checked_slowly_is_kept(tmp_path: Path) -> None:
    with gateway(tmp_path) as one:
        one.backend.readiness_s = 1.5
        before = one.backend.checks
        # After two that fail, a third would find the replica gone.
        eventually_sync(lambda: one.backend.checks >= before + 3, what="the replica has been checked")
        assert one.answer(GET, "127.0.0.9").startswith(b"HTTP/1.1 200 ")


def test_many_requests_of_one_address_leave_room_for_others(tmp_path: Path) -> None:
    with gateway(tmp_path, requests=REQUESTS) as one:
        answers = [one.answer(GET) for _ in range(REQUESTS + 10)]
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers[: REQUESTS // 2])
        assert answers[-1].startswith(b"HTTP/1.1 429 ")
        head, _, body = answers[-1].lower().partition(b"\r\n\r\n")
        assert b"retry-after: 10" in head
        assert b"application/problem+json" in head
        assert b'"status": 429' in body
        assert one.answer(GET, "127.0.0.2").startswith(b"HTTP/1.1 200 ")


def test_each_request_has_a_connection_of_its_own(tmp_path: Path) -> None:
    """A replica may close one that is kept, at the moment when the next request is sent on it."""
    request = post(b"x").replace(b"Connection: close\r\n", b"")
    with gateway(tmp_path) as one, one.connected() as connection:
        for _ in range(5):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert len(set(one.backend.clients)) == 5


def test_a_submission_of_any_size_passes_unchanged(tmp_path: Path) -> None:
    head, _, body = post(b"x" * 100_000, Expect="100-continue").partition(b"\r\n\r\n")
    with gateway(tmp_path) as one, one.connected() as connection:
        for size in (0, 1, 16_384, 100_000, 2_500_000):
            assert one.answer(post(b"x" * size)).endswith(f"\r\n\r\n{size}".encode())
        # curl asks before it sends a longer body.
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert read_all(connection).endswith(b"\r\n\r\n100000")


def test_a_head_that_is_too_large_does_not_reach_the_api(tmp_path: Path) -> None:
    with gateway(tmp_path) as one:
        for headers in ({"X-Long": "x" * 20_000}, {f"X-{number}": "x" for number in range(80)}):
            assert not one.answer(post(b"", "/large", **headers)).startswith(b"HTTP/1.1 200 ")
        assert one.backend.paths == []
