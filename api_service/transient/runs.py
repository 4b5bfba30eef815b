"""Runs programs at the engine at once, and repeats what no program has caused."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

from cachetools import TTLCache

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.transient.ended import EndedRun, EngineFailed, Quarantined
from api_service.transient.engine_slots import EngineSlots
from api_service.transient.run_seconds import RunSeconds
from shared.adapters.engine.base import OpenedEngine
from shared.common.service.errors import EngineAway, EngineCrashed, EngineRefused, EngineUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import ALONE
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Alive, Output, TestEnded, UnitTestEnded
from shared.engine_api.run_time import RunTime

log = get_logger(__name__)

#: Seconds without an event that a run may take beyond the client's patience. The engine bounds each test itself.
_SILENCE_S: Final = 600.0
#: Seconds within which a run that the engine failed must begin again, even if its own wait is over.
_AGAIN_S: Final = 10.0
_POLICY: Final = RetryPolicy(base=0.1, cap=2.0)
#: For how many programs and seconds it is kept that an engine stopped during their runs.
_KEPT_PROGRAMS: Final = 10_000
_KEPT_SECONDS: Final = 86_400.0

_FULL: Final = "all of its slots are taken"
_NO_ENGINE: Final = "This server has no engine for such runs; its operator must set PRECIEUX_CODEX_URL."


class TransientRuns:
    """Runs programs for the API. `open_engine` opens the engine at the first run; without it, none can run.

    Calls may be made at the same time. Call `close()` at the end.

    `program` is the JSON of a `ProgramRequest`. `wait_s` are the seconds within which the engine must begin to run it.
    Each call raises `ApiError`: 503 with `Retry-After` if no engine began within `wait_s`, 429 if the key has no run
    time left, 422 if the engine refuses the program, or `EngineFailed` or `Quarantined`.

    If a call is cancelled, or its generator is closed, the engine ends the program.
    """

    def __init__(
        self, open_engine: Callable[[], OpenedEngine] | None, seconds: RunSeconds, policy: RetryPolicy = _POLICY
    ) -> None:
        self._open_engine = open_engine
        self._engine: OpenedEngine | None = None
        self.seconds = seconds
        self._policy = policy
        self._slots = EngineSlots()
        #: The programs during whose runs an engine stopped, by their digests: True if such a program ran alone.
        self._crashed: TTLCache[bytes, bool] = TTLCache(_KEPT_PROGRAMS, ttl=_KEPT_SECONDS)
        self._suspect = asyncio.Lock()
        self._next_suspect_at = 0.0

    async def close(self) -> None:
        await self.seconds.flush()
        if self._engine is not None:
            await self._engine.close()

    async def run(self, principal: Principal, program: bytes, *, wait_s: float) -> EndedRun:
        """Return the run of a program, when it has ended."""
        run = EndedRun()
        async with aclosing(self.events(principal, program, wait_s=wait_s)) as events:
            async for event in events:
                run.add(event)
        return run

    async def events(self, principal: Principal, program: bytes, *, wait_s: float) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run, each once, even if it had to be repeated."""
        began, digest = time.monotonic(), hashlib.sha256(program).digest()
        if self._crashed.get(digest):
            raise Quarantined
        await self.seconds.check(principal)
        deadline, tries, failures = began + wait_s, 0, 0
        seen = _Seen()
        while True:
            tries += 1
            try:
                suspect = digest if digest in self._crashed else None
                attempt = self._at_engine(principal, program, deadline, suspect)
                async with aclosing(attempt) as events:
                    async for event in events:
                        if seen.is_new(event, tries):
                            yield event
            except EngineRefused as exc:
                raise ApiError(Kind.INVALID, _sentence(exc)) from exc
            except TimeoutError:
                raise _no_engine(_FULL) from None
            except EngineAway as exc:
                delay = self._policy.delay(tries, at_least=exc.retry_after)
                if time.monotonic() + delay > deadline:
                    # The reason may have the engine's address, which is not for clients.
                    log.warning("run.no_engine", key=principal.key_id, error=str(exc))
                    raise _no_engine("it is away" if exc.retry_after is None else _FULL) from exc
            except EngineUnavailable as exc:
                log.warning("run.failed", key=principal.key_id, digest=digest.hex(), error=str(exc))
                failures += 1
                if isinstance(exc, EngineCrashed):
                    self._crashed[digest] = suspect is not None
                    if suspect:
                        raise Quarantined from exc
                if failures > 1:
                    raise EngineFailed from exc
                delay, deadline = self._policy.delay(1), max(deadline, time.monotonic() + _AGAIN_S)
            else:
                self._crashed.pop(digest, None)
                # At the level of information, each request has a line of its own already.
                log.debug("run.ended", key=principal.key_id, tries=tries, seconds=round(time.monotonic() - began, 3))
                return
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def _only_suspect(self, digest: bytes) -> AsyncIterator[None]:
        """Be the only suspect while the block runs. The next one waits as long again, so that others run between.

        Raises `Quarantined` if the same program has stopped its engine alone meanwhile.
        """
        async with self._suspect:
            await asyncio.sleep(max(0.0, self._next_suspect_at - time.monotonic()))
            if self._crashed.get(digest):
                raise Quarantined
            began = time.monotonic()
            try:
                yield
            finally:
                self._next_suspect_at = 2 * time.monotonic() - began

    async def _at_engine(
        self, principal: Principal, program: bytes, deadline: float, suspect: bytes | None
    ) -> AsyncGenerator[RunEvent]:
        """Yield the events of one try. Raises `TimeoutError` if it has not begun by the deadline.

        `suspect` is the digest of a program that is suspected. It runs alone at its engine, so no other program can be
        why the engine stops, or is ended with it.
        """
        if self._engine is None:
            if self._open_engine is None:
                raise ApiError(Kind.UNAVAILABLE, _NO_ENGINE)
            self._engine = self._open_engine()
        key = principal.owner
        share = ALONE if suspect else f"key-{key}"
        running = self._engine.run_program(program, share=share, silence_s=_SILENCE_S)
        async with AsyncExitStack() as held:
            async with asyncio.timeout(deadline - time.monotonic()):
                if suspect:
                    await held.enter_async_context(self._only_suspect(suspect))
                await held.enter_async_context(self._slots.take(key, deadline))
                events = await held.enter_async_context(aclosing(running))
                try:
                    first = await anext(events)
                except EngineAway as exc:
                    if exc.retry_after is not None:
                        self._slots.is_full()
                    raise
            run_time = RunTime()
            try:
                yield first
                async for event in events:
                    run_time.add(event)
                    if not isinstance(event, Alive):
                        yield event
            finally:
                self.seconds.charge(principal, run_time.seconds)


class _Seen:
    """What the caller has seen of a run, which may be repeated."""

    def __init__(self) -> None:
        self._names: set[tuple[str, int]] = set()
        #: The try whose output is shown. The last event has the whole output.
        self._output_of: int | None = None

    def is_new(self, event: RunEvent, number_of_try: int) -> bool:
        if isinstance(event, Output):
            self._output_of = self._output_of or number_of_try
            return self._output_of == number_of_try
        name = (event.event, event.number if isinstance(event, TestEnded | UnitTestEnded) else 0)
        is_new = name not in self._names
        self._names.add(name)
        return is_new


def _no_engine(reason: str) -> ApiError:
    return ApiError(
        Kind.UNAVAILABLE, f"The engine did not begin to run the program in time ({reason}); try again in a moment."
    )


def _sentence(error: EngineRefused) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
