"""One attempt to deliver a webhook, to real receivers on this machine."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from job_runner.webhooks.delivery import Deliverer, Resolve, WebhookAnswer, WebhookMessage, resolve_name
from shared.common.http.egress import Egress
from shared.records.accounts.webhooks import new_secret
from tests.fixtures.certificates import write_certificate
from tests.fixtures.gate import leave_out
from tests.fixtures.webhook_receiver import Receiver, answer, receiving

SECRET = new_secret()
MESSAGE = WebhookMessage("msg_1", '{"type": "submission.finished", "data": "é"}', [SECRET])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


class Names:
    """Resolves every name to the next of the given lists of addresses, and counts the calls."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def deliver(
    url: str,
    *,
    allowed: Sequence[str] = ("127.0.0.1",),
    ports: Sequence[int] = (),
    resolve: Resolve | None = None,
    certificates: ssl.SSLContext | None = None,
    seconds: float = 10,
) -> WebhookAnswer:
    deliverer = Deliverer(Egress(ports, allowed), resolve=resolve, certificates=certificates, seconds=seconds)
    try:
        return await deliverer.deliver(url, MESSAGE)
    finally:
        await deliverer.close()


@pytest.mark.parametrize("status", [200, 201, 299, 400, 404, 410, 429, 500, 503])
async def test_only_2xx_is_a_success(receiver: Receiver, status: int) -> None:
    receiver.answers = [answer(status)]
    error = f"the receiver answered HTTP {status}" if status >= 300 else None
    assert await deliver(receiver.url) == WebhookAnswer(status, error)


async def test_the_receiver_may_ask_for_a_pause(receiver: Receiver) -> None:
    receiver.answers = [answer(503, "Retry-After: 120"), answer(503, "Retry-After: 999999999")]
    assert (await deliver(receiver.url)).retry_after == 120
    assert (await deliver(receiver.url)).retry_after == 24 * 3600


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    async with receiving() as other:
        receiver.answers = [answer(status, f"Location: {other.url}")]
        outcome = await deliver(receiver.url)
        assert outcome.status == status
        assert "redirects are not followed" in (outcome.error or "")
        assert (len(receiver.received), other.received) == (1, [])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "[::ffff:7f00:1]", "0", "１２７.０.０.１",
        "user@127.0.0.1",
    ],
)  # fmt: skip
async def test_no_notation_of_an_address_reaches_this_machine(receiver: Receiver, host: str) -> None:
    """The port is open, so only the host can be the reason. `test_egress.py` has all notations."""
    outcome = await deliver(f"http://{host}:{receiver.port}/", allowed=(), ports=(receiver.port,))
    assert (outcome.error or "").startswith("the URL is refused: ")
    assert (outcome.status, receiver.received) == (None, [])


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["::ffff:127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"],
    ],
)  # fmt: skip
async def test_a_name_with_a_closed_address_is_not_reached(receiver: Receiver, addresses: list[str]) -> None:
    names = Names(addresses)
    outcome = await deliver(f"http://hooks.example:{receiver.port}/", allowed=(), ports=(receiver.port,), resolve=names)
    assert "not an address of the public Internet" in (outcome.error or "")
    assert (names.asked, receiver.received) == (["hooks.example"], [])


async def test_the_connection_goes_to_the_checked_address(receiver: Receiver) -> None:
    """A name that leads elsewhere at its second resolution (DNS rebinding) is resolved once."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    url = f"http://hooks.example:{receiver.port}/"
    assert await deliver(url, allowed=("127.0.0.1",), ports=(receiver.port,), resolve=names) == WebhookAnswer(204)
    assert names.asked == ["hooks.example"]
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
    # At the next attempt the other address is checked.
    outcome = await deliver(url, allowed=("127.0.0.1",), ports=(receiver.port,), resolve=names)
    assert "leads to 127.0.0.2" in (outcome.error or "")
    assert len(receiver.received) == 1


async def test_the_next_address_is_tried(receiver: Receiver) -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    url = f"http://hooks.example:{receiver.port}/"
    assert await deliver(url, allowed=("hooks.example",), resolve=names) == WebhookAnswer(204)


async def test_a_name_that_cannot_be_resolved_is_a_failure() -> None:
    assert {"127.0.0.1", "::1"} & set(await resolve_name("localhost"))

    async def fails(host: str) -> Sequence[str]:
        raise OSError("no such name")

    outcome = await deliver("http://hooks.example/", resolve=fails)
    assert "the name hooks.example cannot be resolved" in (outcome.error or "")
    with pytest.raises(socket.gaierror):
        await resolve_name("hooks.invalid")
    with pytest.raises(OSError, match="label"):
        await resolve_name(f"{'a' * 64}.example")


async def test_a_head_that_never_ends_is_given_up(receiver: Receiver) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: x\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    receiver.answers = [trickle]
    assert (await deliver(receiver.url, seconds=0.5)).error == "the receiver did not answer within 0.5 s"


async def test_a_head_without_bounds_is_a_failure(receiver: Receiver) -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"x" * 60_000 + b"\r\n")
            await writer.drain()

    receiver.answers = [flood]
    outcome = await deliver(receiver.url)
    assert outcome.status is None
    assert "cannot be reached" in (outcome.error or "")


async def test_little_of_an_endless_answer_is_read(receiver: Receiver) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    receiver.answers = [flood]
    assert await deliver(receiver.url) == WebhookAnswer(200)
    # The buffers of the kernel and of both programs, not more.
    assert sent < 16 << 20


async def test_an_answer_that_is_not_http_is_a_failure(receiver: Receiver) -> None:
    receiver.answers = [b"SSH-2.0-OpenSSH_9.7\r\n"]
    outcome = await deliver(receiver.url)
    assert (outcome.status, (outcome.error or "").startswith("the receiver cannot be reached")) == (None, True)


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await deliver(receiver.url) == WebhookAnswer(204)
        assert (len(receiver.received), proxy.received) == (1, [])


async def test_no_cookie_is_sent_back(receiver: Receiver) -> None:
    receiver.answers = [answer(500, "Set-Cookie: a=b")]
    deliverer = Deliverer(Egress(allowed_hosts=["127.0.0.1"]))
    await deliverer.deliver(receiver.url, MESSAGE)
    await deliverer.deliver(receiver.url, MESSAGE)
    await deliverer.close()
    assert ["cookie" in one.headers for one in receiver.received] == [False, False]


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Return a function that makes the contexts of a server with a certificate for a host, and of its clients."""

    def make(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        file = tmp_path / "certificate.pem"
        write_certificate(host, file)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(file)
        server.sni_callback = lambda connection, name, _: setattr(connection, "server_name_asked", name)
        return server, ssl.create_default_context(cafile=file)

    return make


async def test_the_certificate_must_be_that_of_the_name(
    certificate: Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = certificate("hooks.example")
    async with receiving(tls=server) as receiver:
        names = Names(["127.0.0.1"])
        url = f"https://hooks.example:{receiver.port}/hook"
        outcome = await deliver(url, allowed=("hooks.example",), resolve=names, certificates=client)
        assert outcome == WebhookAnswer(204)
        assert receiver.received[0].server_name == "hooks.example"
        assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
        for wrong in (f"https://other.example:{receiver.port}/", f"https://127.0.0.1:{receiver.port}/"):
            outcome = await deliver(wrong, allowed=("other.example", "127.0.0.1"), resolve=names, certificates=client)
            assert "certificate" in (outcome.error or "")
        # No public authority has signed this certificate.
        outcome = await deliver(url, allowed=("hooks.example",), resolve=names)
        assert "certificate" in (outcome.error or "")
        assert len(receiver.received) == 1


async def test_a_certificate_may_be_that_of_an_address(
    certificate: Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = certificate("127.0.0.1")
    async with receiving(tls=server) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/hook"
        assert await deliver(url, certificates=client) == WebhookAnswer(204)


async def test_an_ipv6_address_is_reached() -> None:
    try:
        async with receiving(host="::1") as receiver:
            url = f"http://[::1]:{receiver.port}/"
            assert await deliver(url, allowed=("::1",)) == WebhookAnswer(204)
            assert receiver.received[0].headers["host"] == f"[::1]:{receiver.port}"
    except OSError:
        leave_out("this machine has no IPv6")
