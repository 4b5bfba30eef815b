"""A pool makes boxes ahead of need, and kills them when there is no demand."""

import asyncio
import errno
import os

import pytest

from executor.sandbox.base import Ready, Step, Template
from executor.sandbox.box import Box
from executor.sandbox.keeper.protocol import BoxGone, BoxReady
from executor.sandbox.pool import Pool
from tests.fixtures.step_limits import TINY

_PLAIN = Template(1 << 20, TINY)
_STUB = Template(1 << 20, TINY, stub=Step(("/bin/true",), {}, TINY, 1000))


class Keeper:
    """Makes boxes that are ready, or end, when the test decides."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.killed: list[int] = []

    async def make(self, template: Template) -> Box:
        box = Box(len(self.boxes), 0, template, self)
        self.boxes.append(box)
        return box

    async def prepare(self, template: Template) -> Box:
        """Make a box that has the descriptors of its stub."""
        box = await self.make(template)
        await box.prepare()
        return box

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    def kill(self, box: int) -> None:
        self.killed.append(box)

    def signal(self, box: int, number: int) -> None:
        raise AssertionError

    def finish_boxes(self) -> None:
        for box in self.boxes:
            box.handle(BoxReady(box.id))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_pool_has_one_box_before_its_first_use() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 3, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    keeper.finish_boxes()
    pool.refill()
    await _settle()
    assert len(keeper.boxes) == 1
    assert pool.take() is keeper.boxes[0]


async def test_used_pool_fills_to_its_count_two_at_a_time() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 3, 60), keeper.make, lambda: 0)
    pool.take()
    pool.refill()
    await _settle()
    assert len(keeper.boxes) == 2
    keeper.finish_boxes()
    pool.refill()
    await _settle()
    assert len(keeper.boxes) == 3


async def test_pool_of_no_boxes_makes_none() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 0, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    assert keeper.boxes == []


async def test_a_ready_box_is_taken_once() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    assert pool.take() is None
    keeper.finish_boxes()
    assert pool.take() is keeper.boxes[0]
    assert pool.take() is None


async def test_stubs_start_one_at_a_time_if_a_processor_is_free() -> None:
    keeper = Keeper()
    busy = 1000
    pool = Pool(Ready(_STUB, 3, 60), keeper.make, lambda: busy)
    pool.refill()
    await _settle()
    assert keeper.boxes == []
    busy = 0
    pool.refill()
    await _settle()
    assert len(keeper.boxes) == 1


async def test_refilling_pauses_after_a_box_failed() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    keeper.boxes[0].handle(BoxGone(0, "no such program"))
    pool.refill()
    await _settle()
    assert pool.take() is None
    assert len(keeper.boxes) == 1


async def test_a_box_that_ends_in_the_pool_is_closed() -> None:
    keeper = Keeper()
    before = os.listdir("/proc/self/fd")
    pool = Pool(Ready(_STUB, 1, 60), keeper.prepare, lambda: 0)
    pool.refill()
    await _settle()
    keeper.finish_boxes()
    keeper.boxes[0].handle(BoxGone(0, "it died"))
    pool.refill()
    assert os.listdir("/proc/self/fd") == before


async def test_refilling_pauses_after_a_box_was_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second pipe is refused: the descriptor of the first is closed."""
    keeper = Keeper()
    pipe, pipes = os.pipe2, 0

    def pipe2(flags: int) -> tuple[int, int]:
        nonlocal pipes
        pipes += 1
        if pipes == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return pipe(flags)

    monkeypatch.setattr(os, "pipe2", pipe2)
    before = os.listdir("/proc/self/fd")
    pool = Pool(Ready(_STUB, 1, 60), keeper.prepare, lambda: 0)
    pool.refill()
    await _settle()
    pool.refill()
    await _settle()
    assert len(keeper.boxes) == 1
    assert os.listdir("/proc/self/fd") == before


async def test_boxes_without_demand_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 0), keeper.make, lambda: 0)
    pool.refill()
    assert keeper.boxes == []
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    keeper.finish_boxes()
    pool.drain()
    assert keeper.killed == []
    now = 60.0
    pool.drain()
    pool.refill()
    await _settle()
    assert keeper.killed == [0]
    assert len(keeper.boxes) == 1


async def test_an_emptied_pool_kills_its_boxes_and_makes_no_more() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    pool.empty()
    pool.refill()
    await _settle()
    assert keeper.killed == [0]
    assert len(keeper.boxes) == 1
