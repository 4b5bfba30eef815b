"""A conversation leaves no pipe open, and a user who sends very many signals does not keep the keeper busy."""

import asyncio
import errno
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from executor.pipeline.conversation import ProgramConversation
from executor.sandbox.base import Job, SandboxFailure, Step, StepResult, Template, Wires
from executor.settings import ExecutorSettings
from tests.fixtures.step_limits import TINY


class _Socket:
    """A user who sends these signals as fast as they are read, and leaves after a while."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = iter(numbers)

    async def receive(self) -> dict[str, Any]:
        if (number := next(self._numbers, None)) is not None:
            return {"type": "websocket.receive", "text": json.dumps({"signal": number})}
        await asyncio.sleep(0.1)
        return {"type": "websocket.disconnect"}

    async def send_text(self, text: str) -> None:
        pass


class _Pipeline:
    async def run_job(self, job: Any, turn: Any) -> Any:
        raise AssertionError("the user has left")


def _conversation(numbers: Iterable[int] = ()) -> Any:
    return ProgramConversation(_Socket(numbers), ExecutorSettings())  # type: ignore[arg-type]


def _open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_user_who_leaves_at_once_leaves_no_pipe(turns: int) -> None:
    before = _open_descriptors()
    running = asyncio.create_task(_conversation()._run(_Pipeline(), None, None))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for _ in range(5):  # transports close their pipes in a later turn of the loop
        await asyncio.sleep(0)
    assert _open_descriptors() == before


async def test_a_refused_pipe_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _open_descriptors()
    refused = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    monkeypatch.setattr(os, "pipe2", Mock(side_effect=[os.pipe(), os.pipe(), refused]))
    with pytest.raises(SandboxFailure, match="no pipes for the program: Too many"):
        await _conversation()._run(_Pipeline(), None, None)
    assert _open_descriptors() == before


async def test_a_user_is_told_why_no_box_takes_the_program() -> None:
    class Refusing:
        async def run_job(self, job: Any, turn: Any) -> StepResult:
            return StepResult(126, stderr=b"too long")

    conversation, sent = _conversation(), list[dict[str, Any]]()

    async def send(text: str) -> None:
        sent.append(json.loads(text))

    conversation._websocket.send_text = send
    step = Step((), {}, TINY, 1)
    await conversation._run(Refusing(), Job({}, step, Template(1, TINY)), None)
    _, output, ended = sent
    assert (output["stream"], output["text"], ended["exit_code"]) == ("stderr", "too long", 126)


async def _delivered(numbers: Iterable[int]) -> list[int]:
    """Return the signals that the keeper gets for those that a user sends at once."""
    conversation, sent = _conversation(numbers), list[int]()
    conversation._wires = Wires(0, 0, 0)
    conversation._wires.signal = sent.append
    await conversation._listen()
    return sent


async def test_equal_signals_that_come_together_are_one() -> None:
    sent = await _delivered([10] * 2000)
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
    await _delivered(sent())
    other.cancel()


@pytest.mark.parametrize("numbers", [(15,), (2, 15, 9), (10, 10, 12)])
async def test_each_kind_of_signal_arrives_in_order(numbers: tuple[int, ...]) -> None:
    assert await _delivered(numbers) == [*numbers]


async def test_nothing_is_sent_to_a_program_that_has_ended() -> None:
    conversation = _conversation()
    conversation._signals[15] = None
    conversation._deliver_signals()
    assert (conversation._signals, conversation._next_signals) == ({}, None)
