"""Steps that have used their slice give way to others, or are begun again, and lose nothing by that."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from executor.pipeline.plan import plan_source
from executor.pipeline.run import Pipeline
from executor.sandbox.base import GaveWay, Job, JudgeJob, Step, StepResult, Template, WorkFile
from executor.settings import ExecutorSettings
from executor.slots import Slots, Turn
from shared.engine_api.codex import ALONE, RunRequest
from tests.fixtures.languages import fake_installed
from tests.fixtures.step_limits import TINY


class _Loop:
    """A program that runs until it `ends`. It uses its slice when `use_slice` is called."""

    def __init__(self, slots: Slots, share: str = "", memory_bytes: int = 0, **of_step: Any) -> None:
        self.begun: list[str | None] = []
        self.gave_way = 0
        self._ends: asyncio.Future[StepResult]
        self._job = Job({}, replace(_STEP, **of_step), Template(1, TINY))
        self._turn: Turn
        self.task = asyncio.create_task(self._run(slots, share, memory_bytes))

    @property
    def where(self) -> str | None:
        return self._turn.where

    def judged(self) -> "_Loop":
        self._job = replace(self._job, judge=JudgeJob(self._job, frozenset()))
        return self

    def use_slice(self) -> None:
        assert self._paced.step.on_slice
        self._paced.step.on_slice(self)

    def finish(self) -> None:
        self._ends.set_result(StepResult(0, waited_s=1.0))

    def give_way(self) -> None:
        self.gave_way += 1

    def end_early(self) -> None:
        self._ends.set_exception(GaveWay())

    async def run(self, job: Job) -> StepResult:
        """Run the job, as a sandbox."""
        self._paced = job
        self._ends = asyncio.get_running_loop().create_future()
        self.begun.append("place" if job.step.limits.background else "slot")
        return await self._ends

    async def _run(self, slots: Slots, share: str, memory_bytes: int) -> StepResult:
        async with slots.take(share, memory_bytes) as self._turn:
            return await self._turn.run(self, self._job)


_STEP = Step(("loop",), {}, TINY, 1)


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _late(slots: Slots, count: int, share: str = "", **fields: Any) -> list[_Loop]:
    """Return loops that have used their slices, one after the other."""
    loops = []
    for _ in range(count):
        loops.append(_Loop(slots, share, **fields))
        await _settle()
        loops[-1].use_slice()
    return loops


async def _end(*loops: _Loop) -> None:
    for loop in loops:
        loop.finish()
    await asyncio.gather(*(loop.task for loop in loops))


async def test_a_step_moves_to_a_place_and_frees_its_slot() -> None:
    slots = Slots(1, queue=10, express=0)
    loops = await _late(slots, 2)
    assert [(loop.where, loop.gave_way) for loop in loops] == [("place", 1), ("place", 1)]
    assert (slots.free, slots.background) == (1, 2)
    short = _Loop(slots)
    await _settle()
    assert short.begun == ["slot"]
    await _end(short, *loops)
    assert (slots.free, slots.background) == (1, 0)


async def test_a_step_without_a_place_is_begun_again_once_if_others_wait() -> None:
    slots = Slots(1, queue=10, express=0)
    first, second, third = await _late(slots, 3)
    assert (third.where, third.begun) == ("slot", ["slot"]), "nobody waits"
    short = _Loop(slots)
    await _settle()
    assert (third.where, short.begun) == (None, ["slot"])
    await _end(first)
    await _settle()
    assert (third.where, third.begun) == ("place", ["slot", "place"])
    third.use_slice()
    other = _Loop(slots)
    await _settle()
    assert third.begun == ["slot", "place"], "not a second time"
    await _end(
        short,
        second,
        third,
    )
    await _settle()
    assert third.task.result().waited_s > 1.0, "it says that it has waited, so nobody is charged for that"
    await _end(other)


async def test_the_share_with_the_fewest_places_comes_first() -> None:
    slots = Slots(1, queue=10, express=0)
    places = await _late(slots, 2, "many")
    waiting = []
    for share in ("many", "few"):
        waiting += await _late(slots, 1, share)
        short = _Loop(slots, "short")
        await _settle()
        await _end(short)
    assert [loop.where for loop in waiting] == [None, None]
    await _end(places[0])
    await _settle()
    assert [loop.where for loop in waiting] == [None, "place"]
    await _end(places[1])
    await _settle()
    await _end(*waiting)


@pytest.mark.parametrize("of_step", [{"on_output": print}, {"wires": True}, {"stdin": None}])
async def test_a_step_of_which_something_was_seen_keeps_its_slot(of_step: dict[str, Any]) -> None:
    slots = Slots(1, queue=10, express=0)
    loops = await _late(slots, 3, **of_step)
    short = _Loop(slots)
    await _settle()
    assert [loop.where for loop in loops] == ["place", "place", "slot"]
    await _end(*loops)
    await _settle()
    await _end(short)


async def test_a_judged_step_keeps_its_slot() -> None:
    slots = Slots(1, queue=10, express=0)
    loops = []
    for _ in range(3):
        loops.append(_Loop(slots).judged())
        await _settle()
        loops[-1].use_slice()
    short = _Loop(slots)
    await _settle()
    assert [loop.where for loop in loops] == ["place", "place", "slot"]
    await _end(*loops)
    await _settle()
    await _end(short)


async def test_a_heavy_share_loses_nothing() -> None:
    """Nine of its last sixteen steps have used their slices, so its steps keep their slots."""
    slots = Slots(1, queue=10, express=0)
    for _ in range(9):
        await _end(*await _late(slots, 1))
    loops = await _late(slots, 3)
    short = _Loop(slots)
    await _settle()
    assert [loop.begun for loop in loops] == [["slot"]] * 3
    await _end(loops[2])
    for _ in range(10):
        await _settle()
        await _end(short)
        short = _Loop(slots)
    await _settle()
    await _end(short)
    light = await _late(slots, 1)
    short = _Loop(slots)
    await _settle()
    assert (light[0].where, short.begun) == (None, ["slot"]), "short steps have made it light"
    await _end(short, *loops[:2])
    await _settle()
    await _end(*light)


async def test_the_memory_of_all_boxes_is_bounded() -> None:
    """Running steps may take 750 MiB together. One that may take more runs alone, and nobody overtakes it."""
    slots = Slots(3, queue=10, express=0, memory_bytes=750 << 20)
    loops = [_Loop(slots, memory_bytes=size << 20) for size in (350, 400, 2000, 2)]
    for expected in ([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]):
        await _settle()
        assert [len(loop.begun) for loop in loops] == expected
        await _end(next(loop for loop in loops if loop.begun and not loop.task.done()))


async def test_a_step_does_not_move_if_the_next_one_would_have_no_memory() -> None:
    slots = Slots(1, queue=10, express=0, memory_bytes=750 << 20)
    first, second = await _late(slots, 2, memory_bytes=300 << 20)
    assert (first.where, second.where) == ("place", "slot")
    short = _Loop(slots, memory_bytes=300 << 20)
    await _settle()
    assert (second.where, short.begun) == (None, ["slot"])
    await _end(first, short)
    await _settle()
    await _end(second)


async def test_a_suspect_waits_for_those_in_places_too() -> None:
    slots = Slots(1, queue=10, express=0)
    (loop,) = await _late(slots, 1)
    suspect = _Loop(slots, ALONE)
    await _settle()
    assert suspect.begun == []
    await _end(loop)
    await _settle()
    suspect.use_slice()
    assert suspect.where == "slot"
    await _end(suspect)


@pytest.mark.parametrize("ended", [True, False])
async def test_a_step_that_is_cancelled_leaves_nothing(ended: bool) -> None:
    slots = Slots(1, queue=10, express=0)
    loops = await _late(slots, 3)
    short = _Loop(slots) if ended else None
    await _settle()
    for loop in loops:
        loop.task.cancel()
    await asyncio.gather(*(loop.task for loop in loops), return_exceptions=True)
    if short:
        await _end(short)
    assert (slots.free, slots.background, slots.waiting) == (1, 0, 0)


async def test_a_step_that_was_ended_goes_before_those_that_come_later() -> None:
    """There is memory for two steps, and others wait at all times."""
    slots = Slots(2, queue=10, express=0, memory_bytes=600 << 20)
    before = _Loop(slots, memory_bytes=300 << 20)
    (loop,) = await _late(slots, 1, memory_bytes=300 << 20)
    waited, later = (_Loop(slots, memory_bytes=300 << 20) for _ in range(2))
    await _settle()
    assert (loop.where, waited.begun) == (None, ["slot"])
    await _end(before)
    await _settle()
    later_still = _Loop(slots, memory_bytes=300 << 20)
    await _settle()
    await _end(waited)
    await _settle()
    assert (loop.begun, later.begun, later_still.begun) == (["slot", "place"], ["slot"], [])
    await _end(loop, later)
    await _settle()
    await _end(later_still)


class _LongCompiler:
    """A sandbox whose compiler has used its slice, and ends when it is allowed to `end`."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()
        self.on_slice: Any = None

    async def run(self, job: Job) -> StepResult:
        self.begun += 1
        self.on_slice = job.step.on_slice
        self._ended = asyncio.get_running_loop().create_future()
        ending = asyncio.create_task(self.end.wait())
        await asyncio.wait({ending, self._ended}, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            raise GaveWay
        return StepResult(0, compiled_files={"main": WorkFile(b"x")})

    def give_way(self) -> None: ...

    def end_early(self) -> None:
        self._ended.set_result(None)


async def test_a_compiler_whose_files_others_may_wait_for_is_not_ended() -> None:
    """They would hold all slots and all memory, and it would wait for some."""
    settings = ExecutorSettings()
    memory_bytes = settings.compile_memory_limit
    slots = Slots(2, queue=10, express=0, memory_bytes=2 * memory_bytes)
    sandbox = _LongCompiler()
    pipeline = Pipeline(sandbox, settings)
    planned = plan_source(RunRequest(code="x", language="c"), fake_installed("c"), settings)

    async def compile_(share: str) -> StepResult | None:
        async with slots.take(share, memory_bytes) as turn:
            return await pipeline.compile(planned, turn)

    tasks = [asyncio.create_task(compile_(share)) for share in "abc"]
    await _settle()
    sandbox.on_slice(sandbox)
    await _settle()
    sandbox.end.set()
    await _settle()
    are_done = [task.done() for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (are_done, sandbox.begun) == ([True] * 3, 1)
