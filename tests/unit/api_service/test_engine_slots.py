"""The slots of transient runs at the engine."""

import asyncio
import itertools

from api_service.transient.engine_slots import EngineSlots


class Run:
    """A run of a key that has asked for its turn, and keeps it until it is told to end."""

    _deadlines = itertools.count(1)

    def __init__(self, slots: EngineSlots, key: int, deadline: float | None = None) -> None:
        self._slots = slots
        self._key = key
        self._deadline = next(self._deadlines) if deadline is None else deadline
        self.may_end = asyncio.Event()
        self.has_turn = False
        self.task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async with self._slots.take(self._key, self._deadline):
            self.has_turn = True
            await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task
        await settled()


async def settled() -> None:
    """Let the tasks run as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_take_turns() -> None:
    slots = EngineSlots(1, maximum=1)
    runs = [Run(slots, key) for key in (1, 1, 1, 2)]
    order = []
    for _ in range(4):
        await settled()
        [run] = [run for run in runs if run.has_turn and not run.task.done()]
        order.append(runs.index(run))
        await run.end()
    assert order == [0, 1, 2, 3]
    two = EngineSlots(2, maximum=2)
    runs = [Run(two, key) for key in (1, 1, 1, 2)]
    await settled()
    await runs[0].end()
    assert [run.has_turn for run in runs] == [True, True, False, True]
    for run in runs[1:]:
        run.may_end.set()
    await asyncio.gather(*(run.task for run in runs))


async def test_a_full_engine_lowers_the_limit() -> None:
    slots = EngineSlots(3)
    runs = [Run(slots, 1) for _ in range(5)]
    await settled()
    assert [run.has_turn for run in runs] == [True, True, True, False, False]
    slots.is_full()
    await runs[0].end()
    assert [run.has_turn for run in runs] == [True, True, True, False, False]
    await runs[1].end()
    await runs[2].end()
    assert [run.has_turn for run in runs] == [True, True, True, True, True]
    await runs[3].end()
    await runs[4].end()


async def test_one_that_can_wait_longer_lets_others_go_first() -> None:
    slots = EngineSlots(1, maximum=1)
    first = Run(slots, 1, deadline=9.0)
    patient, hurried = Run(slots, 1, deadline=8.0), Run(slots, 1, deadline=7.0)
    await settled()
    await first.end()
    assert (hurried.has_turn, patient.has_turn) == (True, False)
    await hurried.end()
    await patient.end()


async def test_one_that_gives_up_takes_no_turn() -> None:
    slots = EngineSlots(1, maximum=1)
    first, second, third = (Run(slots, 1) for _ in range(3))
    await settled()
    second.task.cancel()
    await settled()
    await first.end()
    assert third.has_turn
    fourth, fifth = Run(slots, 1), Run(slots, 1)
    await settled()
    third.may_end.set()
    third.task.add_done_callback(lambda _: fourth.task.cancel())  # its turn was granted, and its task has not run since
    await settled()
    assert fifth.has_turn
    await fifth.end()


async def test_one_that_gives_up_meanwhile_gives_no_turn_back() -> None:
    slots = EngineSlots(1, maximum=1)
    first, second = Run(slots, 1), Run(slots, 2)
    await settled()
    first.may_end.set()
    second.task.cancel()  # its task runs after that of the first, which finds it among those that wait
    await settled()
    runs = [Run(slots, 2) for _ in range(3)]
    await settled()
    assert [run.has_turn for run in runs] == [True, False, False]
    for run in runs:
        await run.end()
