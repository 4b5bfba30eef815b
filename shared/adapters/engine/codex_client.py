"""The client of the CodeX API. It returns verdicts on programs, and raises the failures of engines.

It uses aiohttp, because a request costs the least CPU time and connections are used in turn (ADR 24).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.request import getproxies

import aiohttp
from pydantic_core import from_json, to_json

from shared.adapters.engine.addresses import BY_NAME, FixedAddress
from shared.adapters.engine.load import EngineLoad, load_in
from shared.adapters.engine.settings import EngineSettings
from shared.common.service import metrics
from shared.common.service.errors import EngineAway, EngineCrashed, EngineFull, EngineRefused, EngineUnavailable
from shared.common.text.json_structure import has_more_structure
from shared.common.text.retry_after import parse_retry_after
from shared.engine_api.codex import (
    ALIVE_HEADER,
    SHARE_HEADER,
    LanguageList,
    RunResponse,
    SupportedLanguage,
    Verdict,
)
from shared.engine_api.event_lines import LONG as _LONG
from shared.engine_api.event_lines import MESSAGE_LENGTH, EventLines, RunEvent, shorten_event
from shared.engine_api.run_call.events import Started
from shared.engine_api.run_call.limits import MAX_ARTIFACTS
from shared.engine_api.run_call.request import RUN_CALL

#: Long answers that are read and parsed at once.
_LONG_ANSWERS: Final = 2
#: Seconds to wait for a connection. A lost packet is sent again after one second.
_CONNECT_SECONDS: Final = 2
#: Seconds between two signs of life that we ask an engine for, and seconds without a byte after which it is away.
_ALIVE_SECONDS: Final = 5
_SILENT_SECONDS: Final = 30.0
#: Seconds to wait for the end of an answer after its last event.
_END_SECONDS: Final = 1.0
#: Seconds within which an engine that is well answers `GET /list`.
_WELL_SECONDS: Final = 10.0
#: Characters kept of each field other than the two streams.
_FIELD_LENGTH: Final = 1000
#: Bytes that the name of an artifact, which has 255, and what is around it may take in JSON.
_NAME_LENGTH: Final = 2048
#: What an answer may have outside of its strings (`shared.common.text.json_structure`). The longest is a list of
#: languages.
_MAX_STRUCTURE: Final = 262_144
#: The most seconds that an engine may ask us to wait.
_MAX_RETRY_AFTER: Final = 300.0

#: The statuses of a program that the engine will never run.
_REFUSED: Final = frozenset({400, 413, 422})

#: Errors of a connection that could not be established.
_NOT_CONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
#: Errors of a connection that was established and then lost, unless they are among those above.
_BROKEN: Final = (
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientOSError,
    aiohttp.ClientConnectionResetError,
)


class CodexClient:
    """Has one connection pool for the process. Call `close()` at the end.

    It keeps at most `max_output_bytes` characters of each stream, however long the answer is.
    """

    def __init__(
        self,
        settings: EngineSettings,
        session: aiohttp.ClientSession | None = None,
        *,
        address: str = BY_NAME,
        see_load: Callable[[EngineLoad | None], None] = lambda _: None,
    ) -> None:
        # As in the original, the header is always sent. Its token cannot be empty (RFC 6750).
        token = settings.codex_token.get_secret_value() if settings.codex_token else "anonymous"
        # A byte can take six in JSON and more than one in base64, and there are two streams. The rest is for the other
        # fields.
        self._max_answer = 15 * settings.max_output_bytes + (64 << 10)
        self._max_line = self._max_answer + 2 * settings.artifact_bytes + MAX_ARTIFACTS * _NAME_LENGTH
        self._max_line += 2 * 6 * MESSAGE_LENGTH
        self._max_output = settings.max_output_bytes
        self._max_artifact_bytes = settings.artifact_bytes
        self._long_answers = asyncio.Semaphore(_LONG_ANSWERS)
        # aiohttp bounds only each wait, so an engine could send a byte at a time without end.
        self._deadline = 2 * settings.codex_timeout
        self._timeout = settings.codex_timeout
        self._url = settings.codex_url.rstrip("/")
        # A compressed answer could be longer than it looks.
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        #: Opened by the first request, because it belongs to the running loop.
        self._session = session
        self._address = address
        self._see_load = see_load
        #: The calls that the engine has beyond those of CodeX, since its last list.
        self._calls: list[str] | None = None
        self._instance = ""
        self._stops = False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        # CodeX documents `input`, but the original's client sent `inputs`. Some engines read one, some the other.
        fields = {"code": code, "language": language, "input": inputs, "inputs": inputs}
        if filename:
            fields["filename"] = filename
        async with AsyncExitStack() as turn:
            response, answer = await self._exchange(self._post("/", share, to_json(fields)), turn, EngineCrashed)
            return _shorten(_interpret(response, answer), self._max_output)

    async def has_run_call(self) -> bool:
        """Return True if the engine has `POST /run`. Only the first call asks; `languages` keeps it up to date."""
        if self._calls is None:
            await self.languages()
        return RUN_CALL in (self._calls or ())

    async def is_well(self) -> bool:
        try:
            async with asyncio.timeout(_WELL_SECONDS):
                await self.languages()
        except (EngineUnavailable, TimeoutError):
            return False
        return not self._stops

    async def run_program(self, program: bytes, *, share: str = "", silence_s: float = 0.0) -> AsyncGenerator[RunEvent]:
        begun: Started | None = None
        is_alive = False
        try:
            async with AsyncExitStack() as opened:
                async with asyncio.timeout(self._deadline):
                    response = await opened.enter_async_context(self._post("/run", share, program, silence_s))
                    del program
                    if response.status != 200:
                        raise self._refusal_of_program(response, await self._read(response, opened))
                waiting = opened.enter_context(ExitStack())
                chunks = aiter(response.content.iter_any())
                if is_alive := load_in(response) is not None:
                    waiting.enter_context(metrics.WAITING_FOR_SLOT.track_inprogress())
                bounds = (self._max_line, self._deadline + silence_s, _SILENT_SECONDS if is_alive else None)
                lines = EventLines(chunks, self._long_answers, *bounds)
                async with aclosing(lines.events()) as events:
                    async for event in events:
                        waiting.close()
                        if isinstance(event, Started):
                            begun = event
                        yield shorten_event(event, self._max_output, self._max_artifact_bytes)
                await _read_end(chunks)
        except (aiohttp.ClientError, TimeoutError) as exc:
            if is_alive or (isinstance(exc, _BROKEN) and not isinstance(exc, _NOT_CONNECTED)):
                raise await self._broken(begun) from exc
            raise (EngineUnavailable if begun else EngineAway)(_no_answer(exc)) from exc
        except EngineCrashed as exc:
            raise await self._broken(begun) from exc

    async def put_test_data(self, sha256: str, data: bytes) -> None:
        """Send the input or the answer of a test, which the engine lacks. Raises what `run_program` raises."""
        async with AsyncExitStack() as turn:
            response, answer = await self._exchange(self._sent("PUT", f"/test-data/{sha256}", data=data), turn)
        if response.status != 204:
            raise _failure(response, answer)

    async def _broken(self, begun: Started | None) -> EngineUnavailable:
        """Return the error of a connection that broke, perhaps during a run. The engine may still be there."""
        if begun is None:
            return EngineAway("the engine closed the connection before the run")
        if begun.instance and await self.is_well() and self._instance == begun.instance:
            return EngineUnavailable("the connection to the engine broke during the run")
        return EngineCrashed("the engine closed the connection during the run")

    async def languages(self) -> list[SupportedLanguage]:
        """Return the languages of the engine. Raises `EngineAway`."""
        async with AsyncExitStack() as turn:
            response, answer = await self._exchange(self._sent("GET", "/list"), turn)
        if response.status != 200:
            raise EngineAway(f"the engine answered HTTP {response.status} to GET /list")
        try:
            listed = LanguageList.model_validate(_fields(answer))
        except (ValueError, AttributeError, RecursionError) as exc:
            raise EngineAway("the engine's answer to GET /list does not follow the CodeX protocol") from exc
        self._calls, self._instance = listed.calls, listed.instance
        return listed.supported_languages

    async def _exchange(
        self,
        sent: AbstractAsyncContextManager[aiohttp.ClientResponse],
        turn: AsyncExitStack,
        lost: type[EngineUnavailable] = EngineAway,
    ) -> tuple[aiohttp.ClientResponse, bytearray]:
        """Return the whole answer. Raises `lost` if the connection breaks, and `EngineAway` if there is none."""
        try:
            async with asyncio.timeout(self._deadline), sent as response:
                return response, await self._read(response, turn)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise (EngineAway if isinstance(exc, _NOT_CONNECTED) else lost)(_no_answer(exc)) from exc

    @asynccontextmanager
    async def _sent(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        silence_s: float = 0.0,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and yield its answer. The connection is closed unless the answer was read to its end."""
        if self._session is None:
            self._session = _session(self._address)
        response = await self._session.request(
            method,
            f"{self._url}{path}",
            data=data,
            headers={**self._headers, **(headers or {})},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=self._timeout + silence_s),
        )
        try:
            load = load_in(response)
            self._stops = load is not None and bool(load.stopping)
            self._see_load(load)
            yield response
        finally:
            response.close()

    def _post(
        self, path: str, share: str, body: bytes, silence_s: float = 0.0
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {"Content-Type": "application/json"}
        if path == "/run":
            headers[ALIVE_HEADER] = str(_ALIVE_SECONDS)
        if share:
            headers[SHARE_HEADER] = share
        return self._sent("POST", path, data=body, headers=headers, silence_s=silence_s)

    def _refusal_of_program(
        self, response: aiohttp.ClientResponse, content: bytearray
    ) -> EngineUnavailable | EngineRefused:
        """Return the error of an answer of `POST /run` that is not a stream."""
        if response.status in (404, 405):
            # Another engine is there now. Its list says what it has.
            self._calls = None
            return EngineAway("the engine has no call POST /run")
        return _failure(response, content)

    async def _read(self, response: aiohttp.ClientResponse, turn: AsyncExitStack) -> bytearray:
        """Return the whole body. A long one waits for its turn, and keeps it until `turn` is closed."""
        content = bytearray()
        is_long = False
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._max_answer:
                raise EngineUnavailable(f"the engine's answer is longer than {self._max_answer} bytes")
            if len(content) > _LONG and not is_long:
                is_long = True
                await turn.enter_async_context(self._long_answers)
        return content


async def _read_end(chunks: AsyncIterator[bytes]) -> None:
    """Read the end of an answer after its last event, so that its connection can be used again."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            await anext(chunks, None)


def _session(address: str) -> aiohttp.ClientSession:
    """Return a session with any number of connections. The one that has been idle longest is used first.

    It uses the proxy that the environment names, if there is one. Otherwise it ignores the environment, because aiohttp
    would look for a `.netrc` before each request, twice and in a thread.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=5, resolver=FixedAddress(address) if address else None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=bool(getproxies()),
    )


def _no_answer(error: aiohttp.ClientError | TimeoutError) -> str:
    return f"the engine did not answer: {str(error) or type(error).__name__}"


def _failure(response: aiohttp.ClientResponse, content: bytearray) -> EngineUnavailable | EngineRefused:
    """Return the error of a status that is no verdict. Only 500 says that the engine failed with this program."""
    status = response.status
    if status in _REFUSED:
        return EngineRefused(f"the engine refused the program: {_error_text(content) or f'HTTP {status}'}")
    load = load_in(response)
    full = EngineFull if status == 503 and load and not load.stopping else EngineAway
    error = EngineUnavailable if status == 500 else full
    seconds = parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    retry_after = None if seconds is None else min(seconds, _MAX_RETRY_AFTER)
    return error(f"the engine answered HTTP {status}", retry_after=retry_after)


def _interpret(response: aiohttp.ClientResponse, content: bytearray) -> RunResponse:
    """Return the verdict of a 200 or 408. Raise what `_failure` returns for others."""
    status = response.status
    if status not in (200, 408):
        raise _failure(response, content)
    answer = _parse(content)
    if answer.verdict is Verdict.INTERNAL_ERROR:
        raise EngineUnavailable(f"the engine failed: {answer.error[:200]}")
    if status == 408 and answer.verdict is None:
        answer = answer.model_copy(update={"verdict": Verdict.TIME_LIMIT})
    return answer


def _parse(content: bytearray) -> RunResponse:
    try:
        return RunResponse.model_validate(_fields(content))
    except (ValueError, AttributeError, RecursionError) as exc:
        raise EngineUnavailable("the engine's answer does not follow the CodeX protocol") from exc


def _fields(content: bytearray) -> Any:
    if has_more_structure(content, _MAX_STRUCTURE):
        raise ValueError("it has too many values")
    try:
        # Unlike `json`, this does not decode the whole text first, which may take four times the memory of the bytes.
        return from_json(content)
    except ValueError:
        # Engines in JavaScript may escape a lone surrogate, which UTF-8 cannot encode.
        fields = json.loads(content.decode("utf-8", "replace"))
        texts = {name: value.encode("utf-8", "replace") for name, value in fields.items() if isinstance(value, str)}
        return fields | {name: text.decode() for name, text in texts.items()}


def _shorten(answer: RunResponse, max_characters: int) -> RunResponse:
    texts = {name: getattr(answer, name) for name in ("info", "language", "compile", "run")}
    short = {name: text[:_FIELD_LENGTH] for name, text in texts.items() if text and len(text) > _FIELD_LENGTH}
    if short:
        answer = answer.model_copy(update=short)
    if len(answer.output) > max_characters or len(answer.error) > max_characters:
        kept = {"output": answer.output[:max_characters], "error": answer.error[:max_characters], "truncated": True}
        answer = answer.model_copy(update=kept)
    return answer


def _error_text(content: bytearray) -> str:
    try:
        return str(_fields(content)["error"])[:500]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return ""
