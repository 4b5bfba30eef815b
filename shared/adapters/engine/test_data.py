"""Sends an engine what it lacks of a run's tests, and asks it again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from shared.adapters.engine.base import ReadData
from shared.adapters.engine.codex_client import CodexClient
from shared.common.service.background import all_of
from shared.common.service.errors import EngineUnavailable
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Missing

#: Inputs and answers that are sent at once.
_SENT_AT_ONCE: Final = 4
#: How often the engine is asked, if it lacks data of tests.
_MAX_ASKED: Final = 4


async def run_with_data(
    client: CodexClient, program: bytes, *, share: str, silence_s: float, data: ReadData | None
) -> AsyncGenerator[RunEvent]:
    """Yield the events of a run. Raises what `CodexClient.run_program` and `data` raise."""
    sending = asyncio.Semaphore(_SENT_AT_ONCE)

    async def send(sha256: str) -> None:
        async with sending:
            if data:
                await client.put_test_data(sha256, await data(sha256))

    for _ in range(_MAX_ASKED):
        missing: list[str] = []
        async with aclosing(client.run_program(program, share=share, silence_s=silence_s)) as events:
            async for event in events:
                if data and isinstance(event, Missing):
                    missing = event.digests
                    break
                yield event
        if not missing:
            return
        await all_of(map(send, missing))
    raise EngineUnavailable("the engine does not keep the tests of the problem")
