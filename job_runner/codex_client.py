"""Client of the CodeX API. Sorts its answers into verdicts (returned) and failures of ours (raised)."""

import json
from typing import Protocol

import httpx

from job_runner.settings import EngineSettings
from shared.codex import RunResponse, Verdict
from shared.errors import EngineRefused, EngineUnavailable


class Engine(Protocol):
    async def run(self, *, code: str, language: str, inputs: str) -> RunResponse:
        """Have a program run; raises `EngineUnavailable` (try again) or `EngineRefused` (it never will)."""


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
            limits=httpx.Limits(max_connections=None),
            transport=transport,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def run(self, *, code: str, language: str, inputs: str) -> RunResponse:
        # The original documents `input` and its own client sent `inputs`: engines exist that read the one or the other.
        body = {"code": code, "language": language, "input": inputs, "inputs": inputs}
        try:
            async with self._client.stream("POST", "/", json=body) as response:
                content = await self._read(response)
        except httpx.HTTPError as exc:
            raise EngineUnavailable(f"the engine did not answer: {exc or type(exc).__name__}") from exc
        return _sort(response, content)

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._max_answer:
                raise EngineUnavailable("the engine's answer is longer than an answer can be")
        return bytes(content)


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
