"""Engines whose answers the test gives."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Compiled, Started, TestEnded
from shared.engine_api.run_call.request import ProgramRequest
from tests.factories import ended_test

STARTED = Started(language="py", info="Python 3.13", compile=None, run="python3 main.py")
COMPILED = Compiled(verdict=None, error="", output="", truncated=False, cpu_s=1, wall_s=1, memory_bytes=1)


def ended(number: int, verdict: Verdict = Verdict.OK, **changes: Any) -> TestEnded:
    measures = {"cpu_s": 0.25, "wall_s": 0.5, "memory_bytes": 1000 * number}
    return ended_test(number, **{"verdict": verdict, "stdout": f"out {number}", **measures, **changes})


class Engine:
    """An engine of ours that is well, and runs nothing."""

    async def is_well(self) -> bool:
        return True

    async def has_run_call(self) -> bool:
        return True

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        raise NotImplementedError

    async def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0, data: object = None
    ) -> AsyncGenerator[RunEvent]:
        raise NotImplementedError
        yield


class PlayedEngine(Engine):
    """Runs each program well. `contact` is called with its source before its run begins, and `play` after that."""

    def __init__(
        self, play: Callable[[str], Awaitable[None]], contact: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self._play = play
        self._contact = contact

    async def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0, data: object = None
    ) -> AsyncGenerator[RunEvent]:
        source = str(json.loads(program)["files"][0]["content"])
        if self._contact:
            await self._contact(source)
        yield STARTED
        await self._play(source)
        yield ended(1, stdout="fine")


class StreamingEngine(Engine):
    """Sends its streams in order. Each event waits until `allow` lets it. An exception in a stream is raised."""

    def __init__(self) -> None:
        self.streams: list[list[RunEvent | Exception]] = []
        self.requests: list[ProgramRequest] = []
        self.codex: list[tuple[str, str]] = []
        self.answer = RunResponse(timeStamp=1, status=200, output="out 1", verdict=Verdict.OK)
        self.has_run = True
        self.allowed = asyncio.Semaphore(1000)
        self.sent = 0
        self.closed = 0

    async def has_run_call(self) -> bool:
        return self.has_run

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        self.codex.append((code, inputs))
        return self.answer

    async def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0, data: object = None
    ) -> AsyncGenerator[RunEvent]:
        self.requests.append(ProgramRequest.model_validate_json(program))
        try:
            for event in self.streams.pop(0):
                await self.allowed.acquire()
                if isinstance(event, Exception):
                    raise event
                self.sent += 1
                yield event
        finally:
            self.closed += 1


class ScriptedEngine(Engine):
    """An engine that has no call but CodeX's. Returns its failures and answers in order, then ok.

    It holds every program while `open` is not set.
    """

    #: Whether it answers after a failure.
    well = False

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.answers: list[RunResponse] = []
        self.calls: list[tuple[str, str, str]] = []
        self.shares: list[str] = []
        self.filenames: list[str | None] = []
        self.under_way = 0
        self.most = 0
        self.open = asyncio.Event()
        self.open.set()

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        self.calls.append((code, language, inputs))
        self.shares.append(share)
        self.filenames.append(filename)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
            if self.failures:
                raise self.failures.pop(0)
            if self.answers:
                return self.answers.pop(0)
            return RunResponse(timeStamp=1, status=200, output="12\n", verdict=Verdict.OK)
        finally:
            self.under_way -= 1

    async def is_well(self) -> bool:
        return self.well

    async def has_run_call(self) -> bool:
        return False


POLICY = RetryPolicy(base=0.001, cap=0.002)
