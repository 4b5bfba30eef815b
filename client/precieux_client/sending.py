"""Sends calls until they are answered, and follows lists and streams. It is written once for both clients."""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import httpx

from precieux_client.calls import MAX_CONTENT, MAX_JSON, Call, content, page
from precieux_client.errors import ConnectionFailed
from precieux_client.exchange import EventStream, Settings, build_request, error_in, read_answer, read_whole
from precieux_client.models import Event
from precieux_client.retry import Tries

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)


class Sending(ABC):
    """Each client has its own way to send a request, to read a stream, and to pause."""

    _settings: Settings
    _http: httpx.Client | httpx.AsyncClient

    @abstractmethod
    def _open(self, request: httpx.Request) -> AbstractAsyncContextManager[tuple[httpx.Response, AsyncIterator[bytes]]]:
        """Open an answer, and the pieces of its content. Raises `httpx.TransportError`."""

    @abstractmethod
    async def _pause(self, seconds: float) -> None:
        """Wait before the next try."""

    async def _send(self, call: Call[T]) -> T:
        """Send a call until it is answered, and return its value. Raises `APIError` and `ConnectionFailed`."""
        request, tries = build_request(call, self._settings, self._http), Tries(self._settings.retries)
        while True:
            try:
                async with self._open(request) as opened:
                    response = await read_whole(*opened, MAX_CONTENT if call.read is content else MAX_JSON)
            except httpx.TransportError as exc:
                what, delay = f"does not answer ({str(exc) or type(exc).__name__})", tries.after_failure()
                if delay is None:
                    raise ConnectionFailed(f"{self._settings.url} {what}.") from exc
            else:
                # If an answer to a DELETE was lost, the next try finds nothing.
                is_repeated = call.method == "DELETE" and response.status_code == 404 and tries.count > 0
                if response.is_success or is_repeated:
                    return read_answer(call, response, self._settings)
                what = f"answers with status {response.status_code}"
                delay = tries.after_status(response.status_code, response.headers)
                if delay is None:
                    raise error_in(response)
            _log.info("%s %s; trying again in %.1f s", self._settings.url, what, delay)
            await self._pause(delay)

    async def _pages(self, path: str, kind: type[T], query: Mapping[str, Any]) -> AsyncGenerator[T, None]:
        cursor: str | None = None
        while True:
            page_found = await self._send(Call("GET", path, page(kind), {**query, "cursor": cursor}))
            for item in page_found.items:
                yield item
            cursor = page_found.next
            if cursor is None:
                return

    async def _follow(
        self, path: str, last_event_id: str | None = None, timeout: float | None = None
    ) -> AsyncGenerator[Event, None]:
        stream = EventStream(path, self._settings, last_event_id, timeout)
        while True:
            try:
                request = self._http.build_request("GET", path, **stream.options())
                async with self._open(request) as (response, pieces):
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    if not response.is_success:
                        delay = stream.delay_after_refusal(await read_whole(response, pieces))
                    else:
                        async for piece in pieces:
                            stream.left_s()
                            for event in stream.parser.feed(piece):
                                stream.reset_failures()
                                yield event
                                if event.name == "finished":
                                    return
                        delay = stream.delay_after_break()
            except httpx.TransportError as exc:
                delay = stream.delay_after_break(exc)
            await self._pause(delay)
