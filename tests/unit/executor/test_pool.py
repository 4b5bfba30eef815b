"""A pool makes boxes ahead of need, and kills them when there is no demand."""

import asyncio
from typing import cast

import pytest

from executor.sandbox.base import SandboxFailure, Template
from executor.sandbox.box import Box
from executor.sandbox.keeper.protocol import BoxGone, BoxReady, Kill
from executor.sandbox.link import KeeperLink
from executor.sandbox.pool import Pool
from tests.fixtures.step_limits import TINY
from tests.waiting import eventually

_PLAIN = Template(1 << 20, TINY)


class Keeper:
    """Makes boxes that are ready, or end, when the test decides."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.killed: list[int] = []

    async def make(self, template: Template) -> Box:
        box = Box(len(self.boxes), 0, template, cast(KeeperLink, self))
        self.boxes.append(box)
        return box

    def send_soon(self, order: Kill) -> None:
        self.killed.append(order.id)

    def finish_boxes(self) -> None:
        for box in self.boxes:
            box.handle(BoxReady(box.id))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _refilled(keeper: Keeper, count: int = 1) -> Pool:
    """Return a pool of `count` boxes that has begun to make them."""
    pool = Pool(_PLAIN, count, 60, keeper.make)
    await _refill(pool)
    return pool


async def _refill(pool: Pool) -> None:
    pool.refill()
    await _settle()


async def test_pool_has_one_box_before_its_first_use() -> None:
    keeper = Keeper()
    pool = await _refilled(keeper, 3)
    keeper.finish_boxes()
    await _refill(pool)
    assert len(keeper.boxes) == 1
    assert pool.take() is keeper.boxes[0]


async def test_used_pool_fills_to_its_count_two_at_a_time() -> None:
    keeper = Keeper()
    pool = Pool(_PLAIN, 3, 60, keeper.make)
    pool.take()
    await _refill(pool)
    assert len(keeper.boxes) == 2
    keeper.finish_boxes()
    await _refill(pool)
    assert len(keeper.boxes) == 3


async def test_a_ready_box_is_taken_once() -> None:
    keeper = Keeper()
    pool = await _refilled(keeper)
    assert pool.take() is None
    keeper.finish_boxes()
    assert pool.take() is keeper.boxes[0]
    assert pool.take() is None


async def test_refilling_pauses_after_a_box_failed() -> None:
    keeper = Keeper()
    pool = await _refilled(keeper)
    keeper.boxes[0].handle(BoxGone(0, "no such program"))
    await _refill(pool)
    assert pool.take() is None
    assert len(keeper.boxes) == 1


async def test_refilling_pauses_after_a_box_was_not_made() -> None:
    tried: list[Template] = []

    async def fail(template: Template) -> Box:
        tried.append(template)
        raise SandboxFailure("the keeper is not running")

    pool = Pool(_PLAIN, 1, 60, fail)
    for _ in range(2):
        await _refill(pool)
    assert len(tried) == 1


@pytest.mark.parametrize("ready", [True, False])
async def test_boxes_without_demand_are_killed(ready: bool) -> None:
    """Also those that are not ready yet."""
    keeper = Keeper()
    pool = Pool(_PLAIN, 1, 0.05, keeper.make)
    pool.refill()
    if ready:
        await _settle()
        keeper.finish_boxes()
        assert keeper.killed == []
    await eventually(lambda: keeper.killed)
    await _refill(pool)
    assert (keeper.killed, len(keeper.boxes)) == ([0], 1)
    pool.take()
    await _refill(pool)
    assert len(keeper.boxes) == 2
