"""All engines as one: each run goes to the less busy of two, and to another if that is full or away (ADR 50)."""

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Final, TypeVar
from urllib.parse import urlsplit

from shared.adapters.engine.addresses import BY_NAME, addresses_of
from shared.adapters.engine.base import ReadData
from shared.adapters.engine.circuit import Circuit
from shared.adapters.engine.codex_client import CodexClient
from shared.adapters.engine.load import Busyness
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.engine.test_data import run_with_data
from shared.common.service import metrics
from shared.common.service.errors import EngineAway, EngineCrashed, EngineFull, EngineStopped
from shared.common.service.settings import entries_of
from shared.engine_api.codex import RunResponse, SupportedLanguage
from shared.engine_api.event_lines import RunEvent

T = TypeVar("T")

#: Seconds between two looks at the addresses of the engines' names.
_LOOK_S: Final = 5.0


class _Engine:
    def __init__(self, settings: EngineSettings, url: str, address: str) -> None:
        self._name = f"{address or urlsplit(url).hostname}:{urlsplit(url).port or urlsplit(url).scheme}"
        self.busy = Busyness()
        settings = settings.model_copy(update={"codex_url": url})
        self.client = CodexClient(settings, address=address, see_load=self.busy.see)
        self.circuit = Circuit(self.client.is_well, metrics.ENGINE_UP.labels(self._name))

    @contextmanager
    def running(self, program: bytes) -> Iterator[None]:
        self.busy.add(program)
        try:
            yield
        except EngineFull:
            metrics.ENGINE_FULL.inc()
            raise
        except (EngineAway, EngineCrashed):
            self.circuit.open()
            raise
        finally:
            self.busy.ours -= 1

    @property
    def is_usable(self) -> bool:
        if self.busy.load and self.busy.load.stopping:
            self.circuit.open()
        return self.circuit.is_closed

    async def close(self) -> None:
        self.circuit.close()
        metrics.ENGINE_UP.remove(self._name)
        await self.client.close()


class Engines:
    """The engines of `PRECIEUX_CODEX_URL`. Call `close()` at the end.

    If all are full, a run raises `EngineFull`, or waits until one takes it if it `is_patient`. If all are away, each is
    tried once.
    """

    def __init__(self, settings: EngineSettings, *, is_patient: bool = False) -> None:
        self._settings = settings
        self._is_patient = is_patient
        #: How many runs wait because all engines are full.
        self.refused = 0
        self._engines: dict[tuple[str, str], _Engine] = {}
        #: Engines that have vanished from their name, and may have runs of ours.
        self._gone: dict[tuple[str, str], _Engine] = {}
        self._looking: asyncio.Task[None] | None = None
        self._found = asyncio.Event()

    def slots(self) -> int | None:
        """Return the slots of all engines, of which some may not be known yet; None if no engine has said them."""
        counts = [engine.busy.load.slots for engine in self._engines.values() if engine.busy.load]
        return round(sum(counts) / len(counts) * len(self._engines)) if counts else None

    async def close(self) -> None:
        if self._looking:
            self._looking.cancel()
        for engine in (*self._engines.values(), *self._gone.values()):
            await engine.close()

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        return await self._ask(
            lambda client: client.run(code=code, language=language, inputs=inputs, share=share, filename=filename)
        )

    async def has_run_call(self) -> bool:
        return await self._ask(lambda client: client.has_run_call())

    async def languages(self) -> list[SupportedLanguage]:
        return await self._ask(lambda client: client.languages())

    async def is_well(self) -> bool:
        try:
            return bool(await self.languages())
        except EngineAway:
            return False

    async def _ask(self, question: Callable[[CodexClient], Awaitable[T]]) -> T:
        async def answer(client: CodexClient) -> AsyncGenerator[T]:
            yield await question(client)

        async with aclosing(self._run(answer)) as answers:
            return await anext(answers)

    def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0.0, data: ReadData | None = None
    ) -> AsyncGenerator[RunEvent]:
        # What comes before the tests is the same for each part of a problem's tests.
        head = memoryview(program)[: program.find(b'"tests":')]
        return self._run(
            lambda client: run_with_data(client, program, share=share, silence_s=silence_s, data=data), head
        )

    async def _run(
        self, call: Callable[[CodexClient], AsyncGenerator[T]], program: bytes | memoryview = b""
    ) -> AsyncGenerator[T]:
        digest = hashlib.blake2b(program, digest_size=16).digest()
        tried: set[_Engine] = set()
        failure: EngineAway | None = None
        while left := [engine for engine in await self._candidates() if engine not in tried]:
            engine = min(random.sample(left, min(2, len(left))), key=lambda candidate: candidate.busy.order(digest))
            tried.add(engine)
            has_begun = False
            try:
                with engine.running(digest):
                    async with aclosing(call(engine.client)) as answers:
                        async for answer in answers:
                            if not has_begun:
                                engine.circuit.close()
                            has_begun = True
                            yield answer
                return
            except EngineAway as exc:
                if has_begun:
                    others = any(candidate.is_usable for candidate in await self._candidates())
                    raise (EngineStopped(str(exc)) if others else exc) from exc
                failure = failure if isinstance(failure, EngineFull) else exc
            if self._is_patient and isinstance(failure, EngineFull) and tried.issuperset(await self._candidates()):
                self.refused += 1
                try:
                    await asyncio.sleep(failure.retry_after or 1.0)
                finally:
                    self.refused -= 1
                tried, failure = set(), None
        raise failure or EngineAway("there is no engine")

    async def _candidates(self) -> list[_Engine]:
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())
        await self._found.wait()
        return [engine for engine in self._engines.values() if engine.is_usable] or list(self._engines.values())

    async def _keep_looking(self) -> None:
        while True:
            before, engines = self._gone | self._engines, dict[tuple[str, str], _Engine]()
            for url in entries_of(self._settings.codex_url):
                try:
                    addresses = await addresses_of(url)
                except (OSError, UnicodeError):
                    addresses = [address for its_url, address in self._engines if its_url == url] or [BY_NAME]
                for address in addresses:
                    engines[url, address] = before.get((url, address)) or _Engine(self._settings, url, address)
            self._gone = {key: engine for key, engine in before.items() if key not in engines}
            self._engines = engines
            self._found.set()
            for key in [key for key, engine in self._gone.items() if not engine.busy.ours]:
                await self._gone.pop(key).close()
            await asyncio.sleep(_LOOK_S)
