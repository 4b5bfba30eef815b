"""An engine that has no call but CodeX's, and whose answers the test gives."""

import asyncio
from collections.abc import AsyncGenerator

from shared.engine.client.event_lines import RunEvent
from shared.engine.codex import RunResponse, Verdict


class ScriptedEngine:
    """Returns its failures and answers in order, then ok. Holds every program while `open` is not set."""

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

    async def put_test_data(self, sha256: str, data: bytes) -> None:
        raise NotImplementedError

    async def has_run_call(self) -> bool:
        return False

    async def run_program(self, program: bytes, *, share: str = "", silence_s: float = 0) -> AsyncGenerator[RunEvent]:
        raise NotImplementedError
        yield
