"""Passes calls of the tools to the API v1 of another server."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from api_service.agent_tools.results import ProgramFile
from api_service.agent_tools.server import Answer, OnTest, but_stored
from api_service.agent_tools.tools import TOOLS
from api_service.http.errors import ApiError, Fault, Kind
from shared.engine_api.artifacts import IMAGES

#: Seconds within which the server sends the next part of an answer. The longest wait is shorter.
_SILENCE_S: Final = 90.0
#: Seconds to connect. Clients wait 5 to 30 s for the list of tools.
_CONNECT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ForwardBackend:
    """Calls the server of this client, whose headers have the key."""

    client: httpx.AsyncClient
    tools: Collection[str] = tuple(TOOLS)

    @classmethod
    def of(cls, url: str, key: str | None) -> Self:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S)
        return cls(httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout))

    async def close(self) -> None:
        await self.client.aclose()

    async def languages(self) -> Sequence[Mapping[str, Any]]:
        items: list[dict[str, Any]] = (await self._json("GET", "/v1/languages"))["items"]
        return items

    async def run(self, content: dict[str, Any], on_test: OnTest) -> dict[str, Any]:
        """Run a program there. The answer is a stream, so that its tests are known as they end.

        Its events have no letter at which httpx alone would end a line (`api_service.v1.events.stream`).
        """
        total, ended, event = len(content.get("tests") or ()), 0, ""
        async with self._answer("POST", "/v1/run", content, Accept="text/event-stream") as response:
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data" and event == "test":
                    ended += 1
                    await on_test(ended, max(ended, total))
                elif name == "data" and event == "finished":
                    run: dict[str, Any] = json.loads(value)
                    return run
        raise ApiError(Kind.UNAVAILABLE, "The server did not finish its answer; try again in a moment.")

    async def submit(self, content: dict[str, Any], wait_s: int) -> Answer:
        """Store a submission, and then wait for it: its id is known if the connection is lost meanwhile."""
        stored = await self._json("POST", "/v1/submissions", content)
        try:
            return await self.get(stored["id"], wait_s)
        except ApiError as exc:
            if exc.kind is Kind.FORBIDDEN:  # a key that may not read gets its submission as it was stored
                return stored, ()
            raise but_stored(stored["id"]) from exc

    async def get(self, number: int, wait_s: int) -> Answer:
        return await self._submission(await self._json("GET", f"/v1/submissions/{number}?wait={wait_s}"))

    async def _submission(self, submission: dict[str, Any]) -> Answer:
        files = []
        for artifact in (submission["run"] or {}).get("artifacts") or ():
            content = None
            if artifact["media_type"] in IMAGES:
                # Its address has the name by which users reach the server, and this client may use another.
                _, _, path = artifact["url"].partition("/v1/")
                async with self._answer("GET", f"/v1/{path}") as response:
                    content = b64encode(await response.aread()).decode()
            files.append(ProgramFile(artifact["name"], artifact["media_type"], content, artifact["url"]))
        return submission, files

    async def _json(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._answer(method, path, content) as response:
            answer: dict[str, Any] = json.loads(await response.aread())
        return answer

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, content: dict[str, Any] | None = None, **headers: str
    ) -> AsyncIterator[httpx.Response]:
        """Yield the answer to a call. Raises `ApiError` with what the server says, or that it does not answer."""
        try:
            async with self.client.stream(method, path, json=content, headers=headers) as response:
                if not response.is_success or "html" in response.headers.get("Content-Type", ""):
                    raise _error(response, await response.aread())
                yield response
        except httpx.HTTPError as exc:
            raise ApiError(
                Kind.UNAVAILABLE, f"The server {self.client.base_url} does not answer ({exc or type(exc).__name__})."
            ) from exc


def _error(response: httpx.Response, body: bytes) -> ApiError:
    try:
        document = json.loads(body)
        faults = [Fault(fault["detail"], pointer=fault.get("pointer")) for fault in document.get("errors", ())]
        detail = document["detail"]
    except (ValueError, KeyError, TypeError, AttributeError):
        status, faults = response.status_code, []
        detail = f"The server answered HTTP {status}, but not as Precieux does; check its address."
    retry = response.headers.get("Retry-After")
    return ApiError(Kind.of(response.status_code), detail, faults, headers={"Retry-After": retry} if retry else {})
