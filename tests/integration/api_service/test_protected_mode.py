"""Requests without a key, with real processes, sockets and users, since the kernel decides."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from api_service.access.local_peer import socket_owner, why_not_local
from shared.adapters.database.connection import Database
from shared.records.accounts import api_keys
from tests.fixtures.postgres import Administrator, new_database
from tests.integration.api_service.process import ApiProcess, api_process

pytestmark = pytest.mark.security

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
NOBODY = 65534
#: The system's Python: that of a virtual environment may lie where only its owner may read.
PYTHON = os.path.realpath(sys.executable)
LOCAL_KEY = "l" * 32
QUERY = "/check_user/?email=a@example.com"
OTHERS_NAMES = [
    "precieux.example.com", "127.0.0.1@evil.example.com", "x@localhost", "localhost.evil.example.com",
    "127.0.0.1.nip.io",
    "localhost:80@evil.example.com", "localhost/evil", "0.0.0.0", "192.0.2.7", "127.0.0.1:x", "127.0.0.1 evil",
]  # fmt: skip
OTHERS_HEADERS = [
    "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: localhost", "X-Forwarded-Proto: https", "X-Real-IP: 192.0.2.7",
    "X-Client-IP: 192.0.2.7", "X-Cluster-Client-IP: 192.0.2.7", "X-Envoy-External-Address: 192.0.2.7",
    "X-Original-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "Via: 1.1 proxy", "CF-Connecting-IP: 192.0.2.7",
    "True-Client-IP: 192.0.2.7", "Fastly-Client-IP: 192.0.2.7", "Proxy-Connection: keep-alive", "x-forwarded-for:",
    "Origin: https://evil.example.com", "Origin: null", "Origin: http://127.0.0.1:1", "Referer: https://evil.example.com/",
    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Host: evil.example.com",
]  # fmt: skip


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, administrator: Administrator, template_database: str
) -> Iterator[ApiProcess]:
    """Yield an API in protected mode; every test leaves it as it was."""
    with (
        new_database(administrator, template=template_database) as url,
        api_process(
            tmp_path_factory.mktemp("api"),
            url,
            {
                "PRECIEUX_LOCAL_KEY": LOCAL_KEY,
                "PRECIEUX_FRONT_DOORS": "sandboxfusion",
                "PRECIEUX_CODEX_URL": "http://127.0.0.1:1",
            },
        ) as api,
    ):
        yield api


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def ask(api: ApiProcess, *headers: str, host: str | None = None, version: str = "1.1") -> int:
    """Return the status of a request that is sent byte by byte as it is."""
    lines = [f"GET {QUERY} HTTP/{version}", f"Host: {host or f'127.0.0.1:{api.port}'}", "Connection: close", *headers]
    with api.connect() as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return status(connection.recv(1 << 16))


def test_the_first_curl_works_without_a_key(api: ApiProcess) -> None:
    for name in (f"127.0.0.1:{api.port}", f"localhost:{api.port}", "127.0.0.1", f"[::1]:{api.port}"):
        assert ask(api, host=name) == 200
    page = f"http://127.0.0.1:{api.port}"
    assert ask(api, f"Origin: {page}", f"Referer: {page}/docs", "Sec-Fetch-Site: same-origin") == 200
    assert ask(api, "Sec-Fetch-Site: none") == 200


def test_a_wrong_key_in_a_path_is_refused(api: ApiProcess) -> None:
    """Who sends a key relies on it, wherever it is."""
    for path, expected in (
        ("/run_code", 422),
        (f"/sandboxfusion/{LOCAL_KEY}/run_code", 422),
        (f"/sandboxfusion/{LOCAL_KEY[1:]}/run_code", 401),
        ("/sandboxfusion/-/run_code", 401),
    ):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        )
        with api.connect() as connection:
            connection.sendall(head.encode())
            assert status(connection.recv(1 << 16)) == expected


def test_a_forwarded_or_cross_site_request_is_refused(api: ApiProcess) -> None:
    for header in OTHERS_HEADERS:
        assert ask(api, header) in (400, 403), header


def test_only_this_machines_own_names_are_served(api: ApiProcess) -> None:
    for host in OTHERS_NAMES:
        # What is no name at all is no valid request.
        assert ask(api, host=host) == (400 if set("@/ ") & set(host) else 403), host


def test_a_proxy_that_speaks_http_1_0_is_refused(api: ApiProcess) -> None:
    assert ask(api, version="1.0") == 403


def test_a_sender_who_is_unknown_is_not_called_another_user() -> None:
    ends = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
    request = HTTPConnection({"type": "http", "http_version": "1.1", "headers": [(b"host", b"localhost")], **ends})
    assert why_not_local(request, lambda *_: os.geteuid()) is None
    assert "half of it" in (why_not_local(request, lambda *_: None) or "")


@as_root
def test_another_user_of_this_machine_is_refused(api: ApiProcess) -> None:
    script = "import sys, urllib.request as u\ntry: u.urlopen(sys.argv[1])\nexcept u.HTTPError as e: print(e.read())"
    client = subprocess.run(
        [PYTHON, "-I", "-c", script, api.url + QUERY],
        user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "another user of this machine" in client.stdout
    assert "precieux keys create" in client.stdout


@as_root
def test_another_users_proxy_is_refused_for_any_request(api: ApiProcess, tmp_path: Path) -> None:
    """Its proxy passes on the bytes of an honest request of this user."""
    script = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
client, _ = listening.accept()
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
server.sendall(client.recv(65536))
client.sendall(server.recv(65536))
"""
    with subprocess.Popen(
        [PYTHON, "-I", "-c", script, str(api.port)],
        user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", stdout=subprocess.PIPE,
    ) as proxy:  # fmt: skip
        assert proxy.stdout
        with socket.create_connection(("127.0.0.1", int(proxy.stdout.readline())), timeout=30) as connection:
            connection.sendall(f"GET {QUERY} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\n\r\n".encode())
            assert status(connection.recv(1 << 16)) == 403


def test_a_socket_that_its_process_has_closed_has_no_owner() -> None:
    """The kernel shows it as root's, and a stranger could close their socket while we look its owner up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
        ends = server.getpeername(), server.getsockname()
        with server:
            assert socket_owner(*ends) == os.geteuid()
            client.close()
            assert server.recv(1) == b""
            assert socket_owner(*ends) is None
        assert socket_owner(*ends) is None
        assert socket_owner(listening.getsockname(), ("127.0.0.1", 1)) is None


def test_a_socket_over_ipv6_has_its_owner() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listening,
        socket.create_connection(listening.getsockname()[:2]),
        listening.accept()[0] as server,
    ):
        assert socket_owner(server.getpeername()[:2], server.getsockname()[:2]) == os.geteuid()


@pytest.mark.slow
async def test_removing_the_settings_keys_does_not_open_the_api(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    with api_process(tmp_path, database_url, {"PRECIEUX_API_KEYS": "o" * 32}) as api:
        assert ask(api) == 401
        assert ask(api, "Authorization: Bearer " + "o" * 32) == 200
    with api_process(tmp_path, database_url) as api:
        assert ask(api) == 401
        assert ask(api, "Authorization: Bearer " + "o" * 32) == 401
    async with database.transaction() as connection:
        assert await api_keys.listed(connection) == []


def test_the_local_key_works_and_keeps_protected_mode(api: ApiProcess) -> None:
    assert ask(api, "Authorization: Bearer " + LOCAL_KEY, "X-Forwarded-For: 192.0.2.7") == 200
    assert ask(api) == 200
    assert ask(api, "Authorization: Bearer wrong") == 401
    assert LOCAL_KEY not in api.log
