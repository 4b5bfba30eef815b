"""Reads for many clients at once."""

import asyncio
from collections.abc import Sequence

import pytest

from api_service.together import Together


async def test_nobody_waits_for_a_read_that_was_cancelled() -> None:
    """A server that stops cancels its tasks in any order."""
    begun = asyncio.Event()

    async def read(numbers: Sequence[int]) -> dict[int, str]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    together = Together(read, most=1)
    waiting = [asyncio.create_task(together.read(number)) for number in (1, 1, 2)]
    await begun.wait()
    assert together._task
    together._task.cancel()
    done, _ = await asyncio.wait(waiting, timeout=30)
    assert len(done) == 3
    assert all(one.cancelled() for one in done)


async def test_a_later_read_begins_anew_after_that() -> None:
    is_first = True

    async def read(numbers: Sequence[int]) -> dict[int, str]:
        nonlocal is_first
        if is_first:
            is_first = False
            raise asyncio.CancelledError
        return {1: "one"}

    together = Together(read, most=1)
    with pytest.raises(asyncio.CancelledError):
        await together.read(1)
    assert await together.read(1) == "one"
