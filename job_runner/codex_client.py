"""Client of the CodeX API. Sorts its answers into verdicts (returned) and failures of ours (raised).

It is httpx's, over aiohttp's connections, which cost half the CPU time and take turns (ADR 65).
"""

import itertools
import json
from typing import Final, Protocol

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from job_runner.settings import EngineSettings
from shared.codex import RunResponse, Verdict
from shared.errors import EngineCrashed, EngineRefused, EngineUnavailable

#: After so many runs one connection is given up: the next one may find an engine that came since, under the same name.
_RUNS_TO_A_CONNECTION: Final = 20


#: How a connection ends that was there...
_BROKEN: Final = (
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientOSError,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
)
#: ... and how one that could not be had.
_NEVER_THERE: Final = (aiohttp.ClientConnectorError,)


class Engine(Protocol):
    async def run(self, *, code: str, language: str, inputs: str) -> RunResponse:
        """Have a program run; raises `EngineUnavailable` (try again) or `EngineRefused` (it never will).

        `EngineCrashed` is the `EngineUnavailable` of an engine that had the request and broke the connection.
        """


class CodexClient:
    """One connection pool for the process; `close()` it at the end."""

    def __init__(self, settings: EngineSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        # An engine that wants none still gets the header, as from the original; it cannot be empty (RFC 6750).
        token = settings.codex_token.get_secret_value() if settings.codex_token else "anonymous"
        # Escaped in JSON a byte can take six; both streams are capped, and there is a little around them.
        self._max_answer = 12 * settings.max_output_bytes + (64 << 10)
        self._client = httpx.AsyncClient(
            base_url=settings.codex_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(settings.codex_timeout, connect=5),
            transport=transport or AiohttpTransport(client=_session),
        )
        self._runs = itertools.count(1)

    async def close(self) -> None:
        await self._client.aclose()

    async def run(self, *, code: str, language: str, inputs: str) -> RunResponse:
        # The original documents `input` and its own client sent `inputs`: engines exist that read the one or the other.
        body = {"code": code, "language": language, "input": inputs, "inputs": inputs}
        last = {"Connection": "close"} if next(self._runs) % _RUNS_TO_A_CONNECTION == 0 else None
        try:
            async with self._client.stream("POST", "/", json=body, headers=last) as response:
                content = await self._read(response)
        except (httpx.HTTPError, aiohttp.ClientError) as exc:  # not every error of the one has a name in the other
            raise _sort_error(exc) from exc
        return _sort(response, content)

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._max_answer:
                raise EngineUnavailable("the engine's answer is longer than an answer can be")
        return bytes(content)


def _session() -> aiohttp.ClientSession:
    """As many connections as there are runs at once; the one that has been idle longest is used first."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=5), cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    )


def _sort_error(error: httpx.HTTPError | aiohttp.ClientError) -> EngineUnavailable:
    """Connections that were refused, timed out or spoke no HTTP tell nothing of the program; one that broke may."""
    text = f"{error or type(error).__name__}"
    # `httpx_aiohttp` has one name for a lost connection and for one that could not be had; its cause has two.
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    if isinstance(cause, _BROKEN) and not isinstance(cause, _NEVER_THERE):
        return EngineCrashed(f"the engine broke off the connection during the run: {text}")
    return EngineUnavailable(f"the engine did not answer: {text}")


def _sort(response: httpx.Response, content: bytes) -> RunResponse:
    """200 and 408 are verdicts; 400, 413 and 422 refuse the request for good; the rest is the engine's trouble."""
    status = response.status_code
    if status in (200, 408):
        answer = _parse(content)
        if answer.verdict is Verdict.INTERNAL_ERROR:
            raise EngineUnavailable(f"the engine failed: {answer.error[:200]}")
        if status == 408 and answer.verdict is None:
            answer = answer.model_copy(update={"verdict": Verdict.TIME_LIMIT})
        return answer
    if status in (400, 413, 422):
        raise EngineRefused(f"the engine refused it: {_error_text(content) or f'HTTP {status}'}")
    raise EngineUnavailable(f"the engine answered HTTP {status}", retry_after=_retry_after(response))


def _parse(content: bytes) -> RunResponse:
    # JSON can escape half a surrogate pair, which no UTF-8 text can hold: JavaScript engines do.
    try:
        fields = json.loads(content.decode("utf-8", "replace"))
        return RunResponse.model_validate({name: _whole(value) for name, value in fields.items()})
    except (ValueError, AttributeError, RecursionError) as exc:
        raise EngineUnavailable("the engine answered what is not the CodeX protocol") from exc


def _whole(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _error_text(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return min(float(response.headers["Retry-After"]), 300.0)
    except (KeyError, ValueError):
        return None
