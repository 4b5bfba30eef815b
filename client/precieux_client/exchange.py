"""Requests, answers and event streams of the server, without sending and waiting."""

import json
import math
import os
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from precieux_client.calls import MAX_JSON, Call
from precieux_client.errors import APIError, ConnectionFailed, PrecieuxError, WaitTimeout, error_of
from precieux_client.retry import FIRST_S, Tries, retry_after
from precieux_client.sse import EventParser
from precieux_client.version import VERSION

T = TypeVar("T")

_OF_CODING: Final = ("content-encoding", "content-length", "transfer-encoding")

DEFAULT_URL: Final = "http://127.0.0.1:8000"
#: Seconds that an event stream may be silent. The server sends a comment every 15 s.
_SILENT_STREAM_S: Final = 60.0
#: A stream that has lasted for so long was no failure: the server ends each after some minutes.
_LASTING_STREAM_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's address and key, and how long a client waits for it.

    `timeout` is for one answer, in seconds. A call that lets the server wait may take that much longer.
    """

    url: str
    key: str | None
    timeout: float
    retries: int

    @classmethod
    def of(cls, url: str | None, key: str | None, timeout: float, retries: int) -> "Settings":
        """Return the settings. Without `url` or `key`, PRECIEUX_URL and PRECIEUX_API_KEY count.

        Raises `PrecieuxError` if one of them cannot be used.
        """
        url = (url or os.environ.get("PRECIEUX_URL") or DEFAULT_URL).rstrip("/")
        # A key that was read from a file has an end of line.
        key = (key or os.environ.get("PRECIEUX_API_KEY") or "").strip() or None
        if not _is_address(url):
            raise PrecieuxError(f"{url} is no address of a server; give one such as {DEFAULT_URL}.")
        if key and not _is_printable(key):
            raise PrecieuxError("The API key has characters that no key has; give it as it was shown.")
        return cls(url, key, timeout, retries)

    def headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"precieux-client/{VERSION}"}
        return headers | {"Authorization": f"Bearer {self.key}"} if self.key else headers


def build_request(call: Call[T], settings: Settings, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
    """Return the request of a call. A POST has an Idempotency-Key, so that it can be sent again."""
    headers = {}
    if call.method == "POST":
        headers["Idempotency-Key"] = call.idempotency_key or str(uuid.uuid4())
        if not _is_printable(headers["Idempotency-Key"]):
            raise PrecieuxError("An idempotency key may only have printable ASCII characters.")
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    return client.build_request(
        call.method,
        call.path,
        params=call.parameters() or None,
        content=None if call.body is None else _json(call.body),
        files=call.files,
        headers=headers,
        timeout=httpx.Timeout(settings.timeout, read=settings.timeout + (call.wait or 0) + call.slow_s),
    )


async def read_whole(
    response: httpx.Response, pieces: AsyncIterator[bytes], max_bytes: int = MAX_JSON
) -> httpx.Response:
    """Return an answer with its content. Raises `APIError` if it has more than `max_bytes` bytes."""
    content = bytearray()
    async for piece in pieces:
        content += piece
        if len(content) > max_bytes:
            raise APIError(response.status_code, f"The server answers with more than {max_bytes} bytes.")
    # The content is decoded, and its length another one.
    headers = [field for field in response.headers.multi_items() if field[0].lower() not in _OF_CODING]
    return httpx.Response(response.status_code, headers=headers, content=bytes(content), request=response.request)


def read_answer(call: Call[T], response: httpx.Response, settings: Settings) -> T:
    """Return the value of a good answer. Raises `APIError` if it has another shape."""
    try:
        return call.read(response)
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        what = f"{settings.url} does not answer like a Precieux server: {exc}"
        raise APIError(response.status_code, what) from exc


class EventStream:
    """One event stream, over as many connections as it takes. It ends with `WaitTimeout` after `timeout` seconds."""

    def __init__(self, path: str, settings: Settings, last_event_id: str | None, timeout: float | None) -> None:
        self._settings = settings
        self._tries = Tries(settings.retries)
        self._begun_at = 0.0
        self._ends_at = None if timeout is None else time.monotonic() + timeout
        self.path = path
        self.parser = EventParser()
        self.parser.last_id = last_event_id

    def options(self) -> dict[str, Any]:
        """Begin with the next connection, and return its headers and timeout. Raises `WaitTimeout`."""
        silent_s = min(_SILENT_STREAM_S, self.left_s())
        self.parser.begin()
        self._begun_at = time.monotonic()
        headers = {"Accept": "text/event-stream"}
        if self.parser.last_id is not None:
            headers["Last-Event-ID"] = self.parser.last_id
        return {"headers": headers, "timeout": httpx.Timeout(self._settings.timeout, read=silent_s)}

    def left_s(self) -> float:
        """Return the seconds for which the stream may still last. Raises `WaitTimeout` if there are none."""
        left = math.inf if self._ends_at is None else self._ends_at - time.monotonic()
        if left <= 0:
            raise WaitTimeout(f"{self.path} has not ended in time; it still runs.")
        return left

    def reset_failures(self) -> None:
        """Count failures from zero again, because an event has arrived."""
        self._tries.begin()

    def delay_after_refusal(self, response: httpx.Response) -> float:
        """Return the seconds before the next connection. Raises `APIError` if there is none."""
        delay = self._tries.after_status(response.status_code, response.headers)
        if delay is None:
            raise error_in(response)
        return min(delay, self.left_s())

    def delay_after_break(self, error: httpx.TransportError | None = None) -> float:
        """Return the seconds before the next connection. Raises `ConnectionFailed` if there is none."""
        if time.monotonic() - self._begun_at > _LASTING_STREAM_S:
            self.reset_failures()
            if error is None:
                return FIRST_S
        delay = self._tries.after_failure()
        if delay is None:
            raise ConnectionFailed(
                f"The event stream of {self._settings.url} broke off, and cannot be resumed."
            ) from error
        return min(delay, self.left_s())


def _is_address(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _json(content: Any) -> bytes:
    """Return the JSON of a body. What the server refuses, such as a lone surrogate, is sent, so that it says why."""
    try:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(content).encode()


def error_in(response: httpx.Response) -> APIError:
    """Return the error of an answer whose body has been read."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    if response.has_redirect_location:
        body = {"detail": f"The server redirects to {response.headers['Location']}; give the client its new address."}
    return error_of(
        response.status_code,
        body,
        request_id=response.headers.get("X-Request-Id"),
        retry_after=retry_after(response.headers),
    )
