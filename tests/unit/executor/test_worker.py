"""Slots: numbered, bounded, first come first served."""

import asyncio

import pytest

from executor.worker import Full, Slots


async def test_a_slot_is_held_by_one() -> None:
    slots = Slots(2, queue=10)
    held: set[int] = set()

    async def work() -> None:
        async with slots.take() as slot:
            assert slot not in held
            held.add(slot)
            await asyncio.sleep(0)
            held.remove(slot)

    await asyncio.gather(*(work() for _ in range(10)))


async def test_full_is_said_at_once() -> None:
    slots = Slots(1, queue=1)
    async with slots.take():
        waiting = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await _take_once(slots)
    assert await waiting == 0


async def test_leaving_the_queue_makes_room() -> None:
    slots = Slots(1, queue=1)
    async with slots.take():
        leaving = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        staying = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
    assert await staying == 0
    assert await _take_once(slots) == 0


async def _take_once(slots: Slots) -> int:
    async with slots.take() as slot:
        return slot
