"""An engine of ours whose runs the test plays."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from shared.engine.client.event_lines import RunEvent
from shared.engine.codex import RunResponse
from shared.engine.run_call import Started
from tests.factories import ended_test

STARTED = Started(language="py", info="Python 3.13", compile=None, run="python3 main.py")
ENDED = ended_test(stdout="fine", memory_bytes=1 << 20)


class PlayedEngine:
    """`contact` is called with the source of each program before its run begins, and `play` after that."""

    def __init__(
        self, play: Callable[[str], Awaitable[None]], contact: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self._play = play
        self._contact = contact

    async def put_test_data(self, sha256: str, data: bytes) -> None:
        raise NotImplementedError

    async def has_run_call(self) -> bool:
        return True

    async def is_well(self) -> bool:
        return True

    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        raise NotImplementedError

    async def run_program(self, program: bytes, *, share: str = "", silence_s: float = 0) -> AsyncGenerator[RunEvent]:
        source = str(json.loads(program)["files"][0]["content"])
        if self._contact:
            await self._contact(source)
        yield STARTED
        await self._play(source)
        yield ENDED
