"""A user who sends very many signals does not keep the keeper busy."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from executor.pipeline.conversation import Conversation
from executor.sandbox.base import Wires
from executor.settings import ExecutorSettings


class _Socket:
    """A user who sends these signals as fast as they are read, and leaves after a while."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers

    async def receive(self) -> dict[str, Any]:
        if (number := next(self._numbers, None)) is not None:
            return {"type": "websocket.receive", "text": json.dumps({"signal": number})}
        await asyncio.sleep(0.1)
        return {"type": "websocket.disconnect"}


async def delivered(numbers: Iterable[int]) -> list[int]:
    """Return the signals that the keeper gets for those that a user sends at once."""
    conversation: Any = Conversation(_Socket(iter(numbers)), ExecutorSettings())  # type: ignore[arg-type]
    sent: list[int] = []
    conversation._wires = Wires(0, 0, 0)
    conversation._wires.signal = sent.append
    await conversation._listen()
    return sent


async def test_equal_signals_that_come_together_are_one() -> None:
    sent = await delivered([10] * 20_000)
    assert set(sent) == {10}
    assert len(sent) < 200


async def test_others_get_their_turns_among_many_messages() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def sent() -> Iterator[int]:
        yield from [10] * 1000
        assert turns >= 999

    other = asyncio.create_task(count_turns())
    await delivered(sent())
    other.cancel()


@pytest.mark.parametrize("numbers", [(15,), (2, 15, 9), (10, 10, 12)])
async def test_each_kind_of_signal_arrives_in_order(numbers: tuple[int, ...]) -> None:
    assert await delivered(numbers) == [*numbers]


async def test_nothing_is_sent_to_a_program_that_has_ended() -> None:
    conversation: Any = Conversation(_Socket(iter(())), ExecutorSettings())  # type: ignore[arg-type]
    conversation._signals[15] = None
    conversation._deliver_signals()
    assert (conversation._signals, conversation._next_signals) == ({}, None)
