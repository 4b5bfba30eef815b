"""Slots are bounded, a share's programs run in order, and no share delays another."""

import asyncio

import pytest

from executor.slots import Full, Slots
from shared.engine_api.codex import ALONE


async def test_full_is_raised_at_once() -> None:
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


async def test_a_share_does_not_wait_for_sleepers_of_another() -> None:
    slots = Slots(2, queue=10, express=1)
    async with slots.take("sleeper"), slots.take("sleeper"):
        sleeper = asyncio.create_task(_take_once(slots, "sleeper"))
        await asyncio.wait_for(_take_once(slots, "other"), 30)
        assert not sleeper.done()
    await sleeper


async def test_a_spare_slot_is_one_that_is_free() -> None:
    slots = Slots(2, queue=10, express=1)
    async with slots.take("own"):
        spare = slots.request("own").take_spare()
        assert spare is not None
        async with spare.held():
            assert slots.request("own").take_spare() is None
            waiting = asyncio.create_task(_take_once(slots, "own"))
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting


async def test_the_express_slot_takes_one_program_of_a_share() -> None:
    slots = Slots(1, queue=10, express=1)
    async with slots.take("sleeper"), slots.take("other"):
        waiting = [asyncio.create_task(_take_once(slots, share)) for share in ("other", "third", "sleeper")]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


async def test_a_free_slot_goes_to_the_share_with_fewest_running() -> None:
    slots = Slots(2, queue=10, express=0)
    order: list[str] = []

    async def work(share: str) -> None:
        async with slots.take(share):
            order.append(share)

    async with slots.take("many"):
        async with slots.take("many"):
            tasks = [asyncio.create_task(work(share)) for share in ("many", "many", "few")]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
    assert order[0] == "few"


async def test_leaving_with_a_granted_slot_gives_it_back() -> None:
    slots = Slots(1, queue=1, express=0)
    async with slots.take():
        leaving = asyncio.create_task(_take_once(slots))
        await asyncio.sleep(0)
    leaving.cancel()  # it has been granted the slot, and has not run since
    await asyncio.gather(leaving, return_exceptions=True)
    await asyncio.wait_for(_take_once(slots), 30)


async def test_a_slot_is_not_granted_to_one_that_leaves_now() -> None:
    slots = Slots(1, queue=10, express=0)
    async with slots.take():
        leaving, staying = (asyncio.create_task(_take_once(slots)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()  # it has not run since
    await asyncio.wait_for(staying, 30)
    await asyncio.gather(leaving, return_exceptions=True)
    await asyncio.wait_for(_take_once(slots), 30)


async def _take_once(slots: Slots, share: str = "") -> None:
    async with slots.take(share):
        pass


async def test_a_suspect_runs_alone() -> None:
    slots = Slots(2, queue=10)
    ended: list[str] = []

    async def work(share: str, may_end: asyncio.Event) -> None:
        async with slots.take(share):
            await may_end.wait()
            ended.append(share)

    first, suspect, now = asyncio.Event(), asyncio.Event(), asyncio.Event()
    now.set()
    tasks = [asyncio.create_task(work("a", first))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(work(share, event)) for share, event in ((ALONE, suspect), ("b", now), ("c", now))]
    await asyncio.sleep(0)
    assert slots.request("a").take_spare() is None
    first.set()
    await tasks[0]
    for _ in range(5):
        await asyncio.sleep(0)
    assert ended == ["a"]
    suspect.set()
    await asyncio.gather(*tasks)
    assert ended == ["a", ALONE, "b", "c"]


async def test_a_suspect_that_leaves_holds_nobody_up() -> None:
    slots = Slots(2, queue=10)
    async with slots.take("a"):
        leaving = asyncio.create_task(_take_once(slots, ALONE))
        await asyncio.sleep(0)
        other = asyncio.create_task(_take_once(slots, "b"))
        await asyncio.sleep(0)
        assert not other.done()
        leaving.cancel()
        await other
