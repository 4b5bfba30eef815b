"""An engine of ours whose runs the test plays."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from job_runner.event_lines import RunEvent
from shared.codex import RunResponse, Verdict
from shared.engine import Started, TestEnded

STARTED = Started(language="py", info="Python 3.13", compile=None, run="python3 main.py")
ENDED = TestEnded(
    number=1,
    verdict=Verdict.OK,
    error="",
    stdout="fine",
    stderr="",
    diff=None,
    truncated=[],
    exit_code=0,
    signal=None,
    cpu_s=0.1,
    wall_s=0.1,
    memory_bytes=1 << 20,
    cpu_pressure=None,
)


class PlayedEngine:
    """`contact` is called with the source of each program before its run begins, and `play` after that."""

    def __init__(
        self, play: Callable[[str], Awaitable[None]], contact: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self._play = play
        self._contact = contact

    async def has_run_call(self) -> bool:
        return True

    async def is_well(self) -> bool:
        return True

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        raise NotImplementedError

    async def run_program(self, program: bytes, *, share: str = "") -> AsyncGenerator[RunEvent]:
        source = str(json.loads(program)["files"][0]["content"])
        if self._contact:
            await self._contact(source)
        yield STARTED
        await self._play(source)
        yield ENDED
