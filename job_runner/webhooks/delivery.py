"""One attempt to deliver a webhook: resolves the name, checks all addresses, signs, sends, and judges the answer."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
from standardwebhooks.webhooks import Webhook

from job_runner.webhooks.delivery_policy import ATTEMPT_SECONDS, WEBHOOK, DeliveryPolicy
from shared.common.http.egress import Address, Egress, EgressRefused, Target, parse_addresses
from shared.common.text.retry_after import parse_retry_after
from shared.common.version import VERSION

#: The most seconds to connect to one of several addresses.
_CONNECT_SECONDS: Final = 5.0
#: The most bytes of an answer that are read, and the most seconds. Only its status matters.
_MAX_BYTES: Final = 64 << 10
_READ_SECONDS: Final = 2.0

#: The guard that allows every address.
_ANYWHERE: Final = Egress(range(1, 65536), ("0.0.0.0/0", "::/0", "localhost"))

#: Returns the addresses of a host. Raises `OSError`.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A webhook to deliver. `id` and `body` are the same at each attempt. `secrets` are of the form `whsec_...`."""

    id: str
    body: str
    secrets: Sequence[str]
    policy: DeliveryPolicy = WEBHOOK


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """The result of an attempt. `error` is None if the receiver took the webhook, `status` None without an answer."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None


class Deliverer:
    """Sends webhooks. Each attempt has a connection of its own. Call `close()` at the end."""

    def __init__(
        self,
        egress: Egress,
        *,
        resolve: Resolve | None = None,
        certificates: ssl.SSLContext | None = None,
        seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        """`certificates` are those that receivers are checked against; by default, those of public authorities."""
        self._egress = egress
        self._resolve = resolve or resolve_name
        self._seconds = seconds
        # A transport alone follows no redirects, keeps no cookies, and uses no proxies of the environment.
        self._transport = httpx.AsyncHTTPTransport(
            verify=certificates or httpx.create_ssl_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def close(self) -> None:
        await self._transport.aclose()

    async def deliver(self, url: str, message: WebhookMessage) -> WebhookAnswer:
        """Try once, and return the result. Never raises."""
        seconds = min(self._seconds, message.policy.seconds)
        try:
            async with asyncio.timeout(seconds):
                egress = self._egress if message.policy.is_guarded else _ANYWHERE
                target = egress.target(url)
                return await self._send(target, await self._addresses(target, egress), message)
        except EgressRefused as exc:
            return WebhookAnswer(error=f"the URL is refused: {exc}")
        except TimeoutError:
            return WebhookAnswer(error=f"the receiver did not answer within {seconds:g} s")
        # Besides the errors of httpx, names and certificates can be such that ssl raises others.
        except Exception as exc:
            return WebhookAnswer(error=f"the receiver cannot be reached: {type(exc).__name__} {exc}".rstrip())

    async def _addresses(self, target: Target, egress: Egress) -> Sequence[Address]:
        """Return the addresses of the host, all of which may be reached. Raises `EgressRefused`."""
        if target.address is not None:
            addresses: Sequence[Address] = [target.address]
        else:
            try:
                addresses = parse_addresses(await self._resolve(target.host))
            except OSError as exc:
                raise ConnectionError(f"the name {target.host} cannot be resolved ({exc})") from exc
        if (refusal := egress.refusal(target, addresses)) is not None:
            raise EgressRefused(refusal)
        return addresses

    async def _send(self, target: Target, addresses: Sequence[Address], message: WebhookMessage) -> WebhookAnswer:
        """Send to the first address that accepts a connection."""
        headers = self._headers(target, message)
        for address in addresses[:-1]:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send_to(address, target, headers, message)
        return await self._send_to(addresses[-1], target, headers, message)

    async def _send_to(
        self, address: Address, target: Target, headers: dict[str, str], message: WebhookMessage
    ) -> WebhookAnswer:
        extensions: dict[str, object] = {"timeout": {"connect": _CONNECT_SECONDS}}
        if target.address is None:
            # The certificate is that of the name, which the receiver needs to know (RFC 6066, section 3).
            extensions["sni_hostname"] = target.host
        url = httpx.URL(scheme=target.scheme, host=str(address), port=target.port, raw_path=target.path.encode())
        request = httpx.Request(
            message.policy.method, url, headers=headers, content=message.body.encode(), extensions=extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            answer = await _judge(response)
            return WebhookAnswer(answer.status) if message.policy.takes_any_answer else answer
        finally:
            await response.aclose()

    def _headers(self, target: Target, message: WebhookMessage) -> dict[str, str]:
        headers = {
            "Host": target.authority,
            "User-Agent": f"Precieux/{VERSION}",
            "Accept": "*/*",
            # A compressed answer could be longer than it looks.
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
        }
        return {**headers, **_signed(message)} if message.policy.is_signed else headers


def _signed(message: WebhookMessage) -> dict[str, str]:
    """Return the header fields that prove who has sent a webhook, and when."""
    now = datetime.now(UTC).replace(microsecond=0)
    signatures = [Webhook(secret).sign(message.id, now, message.body) for secret in message.secrets]
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _judge(response: httpx.Response) -> WebhookAnswer:
    """Return what the status means. The body is read only so that the receiver can send it."""
    status = response.status_code
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_READ_SECONDS):
            size = 0
            async for piece in response.aiter_raw():
                size += len(piece)
                if size >= _MAX_BYTES:
                    break
    if 200 <= status < 300:
        return WebhookAnswer(status)
    retry_after = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    if 300 <= status < 400:
        return WebhookAnswer(status, f"the receiver answered HTTP {status}; redirects are not followed", retry_after)
    return WebhookAnswer(status, f"the receiver answered HTTP {status}", retry_after)


async def resolve_name(host: str) -> Sequence[str]:
    """Return the addresses of a name. Raises `OSError`.

    Each lookup has a thread, because a name server that does not answer would hold up those of a pool, which the
    connections to the engine and the mail provider need. As a daemon, it does not delay the end of the process.
    """
    addresses: Future[Sequence[str]] = Future()
    addresses.set_running_or_notify_cancel()  # a future that runs cannot be cancelled, so the thread may set its result

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as exc:
            addresses.set_exception(exc)
        except UnicodeError as exc:
            addresses.set_exception(OSError(str(exc)))
        else:
            addresses.set_result([str(info[4][0]) for info in infos])

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    return await asyncio.wrap_future(addresses)
