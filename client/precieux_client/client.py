"""The clients: how each sends a request, reads a stream, and pauses. `Methods` has what they can do."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, closing
from typing import Self

import httpx

from precieux_client.both import Asynchronous, Blocking
from precieux_client.exchange import Settings
from precieux_client.methods import Methods


class Client(Methods, Blocking):
    """A client of one server. It may be used by several threads.

    Without `url` and `key` it reads PRECIEUX_URL and PRECIEUX_API_KEY. A call is sent again up to `retries` times if
    the server is not available or asks for a later try. A repeated call makes no second submission.

        with Client() as client:
            done = client.run(language="py", source="print(input())", stdin="42")
            print(done.run.stdout)
    """

    _http: httpx.Client

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = Settings.of(url, key, timeout, retries)
        self._http = httpx.Client(
            base_url=self._settings.url, headers=self._settings.headers(), transport=transport, follow_redirects=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @asynccontextmanager
    async def _open(self, request: httpx.Request) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        with closing(self._http.send(request, stream=True)) as response:
            yield response, _each(response.iter_bytes())

    async def _pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  (it blocks on purpose)


class AsyncClient(Methods, Asynchronous):
    """A client of one server for asyncio. `Client` says what its parameters are.

    async with AsyncClient() as client:
        done = await client.run(language="py", source="print(input())", stdin="42")
        print(done.run.stdout)
    """

    _http: httpx.AsyncClient

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = Settings.of(url, key, timeout, retries)
        self._http = httpx.AsyncClient(
            base_url=self._settings.url, headers=self._settings.headers(), transport=transport, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def _open(self, request: httpx.Request) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        async with aclosing(await self._http.send(request, stream=True)) as response:
            yield response, response.aiter_bytes()

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
