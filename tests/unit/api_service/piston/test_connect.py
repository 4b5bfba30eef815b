"""The WebSocket of the Piston front door, with a client that sends as fast as it is read."""

import asyncio
import json
from typing import Any

import pytest

from api_service.doors.piston.session import Closed, InteractiveSession


class _Client:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self._messages = iter(messages)

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.receive", "text": json.dumps(next(self._messages, {"type": "init"}))}


class _Talk:
    async def say(self, **said: Any) -> None:
        """Take it at once."""


@pytest.mark.parametrize("message", [{}, {"type": "signal", "signal": "SIGINT"}])
async def test_others_get_their_turns_among_many_messages(message: dict[str, Any]) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    nothing: Any = None
    session = InteractiveSession(_Client([message] * 1000), nothing, nothing, nothing)  # type: ignore[arg-type]
    other = asyncio.create_task(count_turns())
    with pytest.raises(Closed, match="Already Initialized"):
        await session._listen(_Talk())  # type: ignore[arg-type]
    other.cancel()
    assert turns >= 1000
