"""When boxes are made ahead of need, and when they are given up."""

import asyncio

from executor.sandbox.base import Ready, Step, StepLimits, Template
from executor.sandbox.box import Box
from executor.sandbox.keeper.protocol import BoxGone, BoxReady
from executor.sandbox.pool import Pool

_LIMITS = StepLimits(1, 1, 1 << 20, 1, 1, 1, 1)
_PLAIN = Template(1 << 20, _LIMITS)
_STUB = Template(1 << 20, _LIMITS, stub=Step(("/bin/true",), {}, _LIMITS, 1000))


class Keeper:
    """Makes boxes that stand, or end, when the test says so."""

    def __init__(self) -> None:
        self.artefacts: list[Box] = []
        self.killed: list[int] = []

    async def make(self, template: Template) -> Box:
        box = Box(len(self.artefacts), 0, template, self)
        self.artefacts.append(box)
        return box

    async def send(self, packet: bytes, descriptors: list[int]) -> None: ...

    def kill(self, box: int) -> None:
        self.killed.append(box)

    def stand(self) -> None:
        for box in self.artefacts:
            box.hear(BoxReady(box.id))


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_it_fills_to_its_count_two_at_a_time() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 3, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    assert len(keeper.artefacts) == 2
    keeper.stand()
    pool.refill()
    await _settle()
    assert len(keeper.artefacts) == 3


async def test_only_what_stands_is_taken_and_only_once() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    assert pool.take() is None
    keeper.stand()
    assert pool.take() is keeper.artefacts[0]
    assert pool.take() is None


async def test_runtimes_are_started_one_at_a_time_and_while_a_processor_is_free() -> None:
    keeper = Keeper()
    busy = 1000
    pool = Pool(Ready(_STUB, 3, 60), keeper.make, lambda: busy)
    pool.refill()
    await _settle()
    assert keeper.artefacts == []
    busy = 0
    pool.refill()
    await _settle()
    assert len(keeper.artefacts) == 1


async def test_a_box_that_ends_by_itself_makes_it_rest() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 60), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    keeper.artefacts[0].hear(BoxGone(0, "no such program"))
    pool.refill()
    await _settle()
    assert pool.take() is None
    assert len(keeper.artefacts) == 1


async def test_what_nobody_wants_is_given_up_until_somebody_does() -> None:
    keeper = Keeper()
    pool = Pool(Ready(_PLAIN, 1, 0), keeper.make, lambda: 0)
    pool.refill()
    assert keeper.artefacts == []
    pool = Pool(Ready(_PLAIN, 1, 0.01), keeper.make, lambda: 0)
    pool.refill()
    await _settle()
    keeper.stand()
    pool.drain()
    assert keeper.killed == []
    await asyncio.sleep(0.02)
    pool.drain()
    pool.refill()
    await _settle()
    assert keeper.killed == [0]
    assert len(keeper.artefacts) == 1
