"""Slots: bounded, first come first served."""

import asyncio

import pytest

from executor.worker import Full, Slots


async def test_no_more_run_at_once_than_there_are_slots() -> None:
    slots = Slots(2, queue=10)
    running: set[int] = set()
    most = 0

    async def work(number: int) -> None:
        nonlocal most
        async with slots.take():
            running.add(number)
            most = max(most, len(running))
            await asyncio.sleep(0)
            running.remove(number)

    await asyncio.gather(*(work(number) for number in range(10)))
    assert most == 2


async def test_full_is_said_at_once() -> None:
    slots = Slots(1, queue=1)
    async with slots.take():
        waiting = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await _take_once(slots)
    await waiting


async def test_leaving_the_queue_makes_room() -> None:
    slots = Slots(1, queue=1)
    async with slots.take():
        leaving = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        staying = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
    await staying
    await _take_once(slots)


async def _take_once(slots: Slots) -> None:
    async with slots.take():
        pass
