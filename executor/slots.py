"""Says which steps run, and where: in a slot, in a background place, or later.

A step is a compiler or a test. It begins in a slot. When it has used a slice of CPU time, it gives way: it moves to a
background place, where it has a tenth of the weight. If there is no place and others wait, it is ended, and begun again
in the next free place, once. Shares take turns, and programs that sleep until their limit hold up only their
own share (ADR 7).
"""

import asyncio
import itertools
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal

from executor.sandbox.base import GaveWay, Job, Sandbox, StepResult, UnderWay, memory_of
from shared.engine_api.codex import ALONE

#: How many of its last steps say whether a share is heavy: if more than half of them used up their slice.
_LAST_STEPS: Final = 16
#: The shares of which that is kept.
_MAX_SHARES: Final = 4096


class Full(Exception):
    """All slots and all places in the queue are taken."""


class Slots:
    """At most `count` steps run in slots, and `places` in the background; None: two for each slot. At most `queue`
    requests wait. All boxes together may take `memory_bytes`; at least one step always runs.

    A free slot goes to the waiting share that has the fewest steps under way. Of equals, the one that got none for the
    longest time has it; within a share, the request that came first. While all slots are taken, up to `express` more
    steps run, each of a share that has none under way.

    A step of the share `ALONE` starts when no other is under way, and no other starts while one waits or runs.
    """

    def __init__(
        self,
        count: int,
        queue: int,
        express: int = 1,
        memory_bytes: float = math.inf,
        places: int | None = None,
    ) -> None:
        self.count = count
        self.places = 2 * count if places is None else places
        self._queue = queue
        self._express = express
        self._memory_bytes = memory_bytes
        self._in_slots: Counter[str] = Counter()
        self._in_places: Counter[str] = Counter()
        self._held_bytes = 0
        self._waiting: list[Turn] = []
        #: In slots, with their slices used up: those that may move or be ended, and those that are being ended.
        self._late: list[Turn] = []
        self._ending: set[Turn] = set()
        #: Were ended, and wait for a place.
        self._ended: list[Turn] = []
        #: Whether the last steps of a share used up their slices.
        self._last_steps: dict[str, deque[bool]] = {}
        self._numbers = itertools.count()
        #: When shares that wait, or have steps under way, last got a slot or a place.
        self._last_granted: dict[str, int] = {}

    @property
    def free(self) -> int:
        return max(self.count - self._in_slots.total(), 0)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def background(self) -> int:
        return self._in_places.total()

    def check(self, share: str = "") -> None:
        """Raise `Full` if a new request would have to wait, and the queue is full."""
        if len(self._waiting) >= self._queue and not self._may_start(share):
            raise Full

    def request(self, share: str = "") -> "Turns":
        """Return the turns of a request."""
        return Turns(self, share, next(self._numbers))

    def take(self, share: str = "", memory_bytes: int = 0) -> AbstractAsyncContextManager["Turn"]:
        """Return the only turn of a request (`Turns.take`)."""
        return self.request(share).take(memory_bytes)

    def _ask(self, turn: "Turn", queue: list["Turn"]) -> None:
        """Let a turn wait, after giving back what it has."""
        turn.asked_at = time.monotonic()
        turn.granted = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._give_back(turn)

    def _take_spare(self, turn: "Turn") -> bool:
        may_start = self.free > 0 and self._may_start(turn.share) and self._fits(turn)
        if may_start:
            self._grant(turn, "slot")
        return may_start

    def _grant(self, turn: "Turn", where: Literal["slot", "place"]) -> None:
        turn.where = where
        self._held_bytes += turn.memory_bytes
        (self._in_slots if where == "slot" else self._in_places)[turn.share] += 1
        self._last_granted[turn.share] = next(self._numbers)
        turn.granted.set_result(None)

    def _leave(self, turn: "Turn") -> None:
        for queue in (self._waiting, self._ended):
            if turn in queue:
                queue.remove(turn)
        self._give_back(turn)

    def _give_back(self, turn: "Turn") -> None:
        if turn.where:
            _take_one(self._in_slots if turn.where == "slot" else self._in_places, turn.share)
            self._held_bytes -= turn.memory_bytes
            turn.where = None
        self._balance()
        if not self._under_way(turn.share) and all(waiting.share != turn.share for waiting in self._waiting):
            self._last_granted.pop(turn.share, None)

    def _note_memory(self, turn: "Turn", memory_bytes: int) -> None:
        """Note what a step takes, if that is more than it asked for: its compiled files were not known yet."""
        more_bytes = max(memory_bytes - turn.memory_bytes, 0)
        turn.memory_bytes += more_bytes
        self._held_bytes += more_bytes

    def _used_slice(self, turn: "Turn") -> None:
        self._note_step(turn.share, used_slice=True)
        if turn.where == "slot" and turn.share != ALONE:
            self._late.append(turn)
            self._balance()

    def _step_ended(self, turn: "Turn") -> None:
        self._ending.discard(turn)
        if turn in self._late:
            self._late.remove(turn)
        if not turn.used_slice:
            self._note_step(turn.share, used_slice=False)

    def _note_step(self, share: str, *, used_slice: bool) -> None:
        if share not in self._last_steps:
            if not used_slice:
                return
            if len(self._last_steps) >= _MAX_SHARES:
                del self._last_steps[next(iter(self._last_steps))]
        self._last_steps.setdefault(share, deque(maxlen=_LAST_STEPS)).append(used_slice)

    def _is_heavy(self, share: str) -> bool:
        return sum(self._last_steps.get(share, ())) > _LAST_STEPS // 2

    def _under_way(self, share: str) -> int:
        return self._in_slots[share] + self._in_places[share]

    def _may_start(self, share: str) -> bool:
        running = self._in_slots.total()
        if share == ALONE:
            return running + self.background == 0
        if self._is_alone():
            return False
        return running < self.count or (running < self.count + self._express and not self._under_way(share))

    def _precedence(self, turn: "Turn") -> tuple[int, int, int]:
        """Return what is least for the turn that comes first: shares take turns."""
        return self._under_way(turn.share), self._last_granted.get(turn.share, -1), turn.number

    def _fits(self, *turns: "Turn") -> bool:
        is_first = self._in_slots.total() + self.background == 0
        return is_first or self._held_bytes + sum(turn.memory_bytes for turn in turns) <= self._memory_bytes

    def _is_alone(self) -> bool:
        return self._in_slots[ALONE] > 0 or any(turn.share == ALONE and turn.waits for turn in self._waiting)

    def _balance(self) -> None:
        """Give way, then let those begin that can, and end what is late if others still wait."""
        self._fill_places()
        # One that was cancelled stays in a queue until its task runs again.
        while ready := [turn for turn in self._waiting if turn.waits and self._may_start(turn.share)]:
            turn = min(ready, key=self._precedence)
            if not self._fits(turn):  # the others do not overtake it
                break
            self._waiting.remove(turn)
            self._grant(turn, "slot")
        if self._is_alone():
            return
        endable = [turn for turn in self._late if turn.may_be_ended and not self._is_heavy(turn.share)]
        wanted = sum(turn.waits for turn in self._waiting) - len(self._ending)
        for turn in endable[: max(wanted, 0)]:
            self._late.remove(turn)
            self._ending.add(turn)
            turn.end()

    def _fill_places(self) -> None:
        while self.background < self.places:
            # Those that waited when it was ended go first, and no later ones.
            first = self._waiting[:1]
            ready = [
                turn
                for turn in self._ended
                if turn.waits and self._fits(turn, *(earlier for earlier in first if earlier.asked_at < turn.asked_at))
            ]
            ended = [] if self._is_alone() else ready
            # What moves frees its slot for a step that probably takes as much memory.
            late = next((turn for turn in self._late if self._fits(turn)), None)
            if ended:
                turn = min(ended, key=lambda turn: self._in_places[turn.share])
                self._ended.remove(turn)
                self._grant(turn, "place")
            elif late:
                self._late.remove(late)
                _take_one(self._in_slots, late.share)
                self._in_places[late.share] += 1
                late.give_way()
            else:
                return


def _take_one(counter: Counter[str], share: str) -> None:
    counter[share] -= 1
    if not counter[share]:
        del counter[share]


class Turns:
    """The turns of one request. Each of its steps has its own, so many tests do not hold a slot together."""

    def __init__(self, slots: Slots, share: str, number: int) -> None:
        self.share = share
        self.number = number
        self._slots = slots
        self._has_begun = False
        self.has_asked = asyncio.Event()
        #: Set when a step has used up its slice.
        self.is_long = asyncio.Event()

    @property
    def place(self) -> int:
        """Its place among the requests of its share that wait for a slot, from 1 on; 0 if it does not wait."""
        numbers = sorted({turn.number for turn in self._slots._waiting if turn.waits and turn.share == self.share})
        return numbers.index(self.number) + 1 if self.number in numbers else 0

    def ask(self, memory_bytes: int = 0) -> "Turn":
        """Return a turn that waits for a slot, until it is `held` or left. The boxes may take `memory_bytes`. Raises
        `Full` if slots and queue are full and the request has not begun."""
        if not self._has_begun:
            self._slots.check(self.share)
        turn = Turn(self._slots, self, memory_bytes)
        self._slots._ask(turn, self._slots._waiting)
        self.has_asked.set()
        return turn

    @asynccontextmanager
    async def take(self, memory_bytes: int = 0) -> AsyncIterator["Turn"]:
        """Hold a turn while the block runs (`ask`)."""
        async with self.ask(memory_bytes).held() as turn:
            if not self._has_begun:
                self._has_begun, turn.waited_s = True, 0.0  # its first event tells that it has waited
            yield turn

    def take_spare(self, memory_bytes: int = 0) -> "Turn | None":
        """Return a turn in a slot that nothing waits for, until it is left; None without such a slot."""
        turn = Turn(self._slots, self, memory_bytes)
        return turn if self._slots._take_spare(turn) else None


class Turn:
    """The right of one step to run. `granted` is done when it may begin; then it is in a slot, or in a place."""

    def __init__(self, slots: Slots, turns: Turns, memory_bytes: int) -> None:
        self.share = turns.share
        self.number = turns.number
        self.memory_bytes = memory_bytes
        self.where: Literal["slot", "place"] | None = None
        self.may_be_ended = False
        self.used_slice = False
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked_at = 0.0
        #: Seconds for which it has waited, and which no result has.
        self.waited_s = 0.0
        self._slots = slots
        self._is_long = turns.is_long
        self._under_way: UnderWay | None = None

    @property
    def waits(self) -> bool:
        return not self.granted.done()

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Turn"]:
        """Wait until it is granted, and hold it while the block runs."""
        try:
            await self._granted()
            yield self
        finally:
            self.leave()

    def leave(self) -> None:
        """Give back what it has, and wait no more."""
        self._slots._leave(self)

    async def renew(self) -> None:
        """Wait for a slot as a new turn does, if the step before has moved to a place."""
        if self.where == "place":
            self._slots._ask(self, self._slots._waiting)
            await self._granted()

    async def _granted(self) -> None:
        if not self.granted.done():
            await self.granted
            self.waited_s += time.monotonic() - self.asked_at

    async def run(self, sandbox: Sandbox, job: Job, *, is_kept: bool = False) -> StepResult:
        """Run a job of the step, and return how it ended, with the time for which it waited for its turn.

        It may be ended and begun again, unless it `is_kept`, talks with another, or its output is seen before its end.
        """
        step = job.step
        is_seen = job.judge or step.wires or step.on_output or not isinstance(step.stdin, bytes)
        self.may_be_ended = not (is_kept or is_seen)
        self._slots._note_memory(self, memory_of(job))
        while (result := await self._try(sandbox, job)) is None:
            self._slots._ask(self, self._slots._ended)
            await self._granted()
            self.may_be_ended = False
        waited_s, self.waited_s = self.waited_s, 0.0
        return replace(result, waited_s=result.waited_s + waited_s) if waited_s else result

    def give_way(self) -> None:
        self.where = "place"
        if self._under_way:
            self._under_way.give_way()

    def end(self) -> None:
        if self._under_way:
            self._under_way.end_early()

    async def _try(self, sandbox: Sandbox, job: Job) -> StepResult | None:
        """Return how the job ended; None if it is to begin again."""
        self.used_slice = False
        try:
            return await sandbox.run(self._paced(job))
        except GaveWay:
            return None
        finally:
            self._under_way = None
            self._slots._step_ended(self)

    def _paced(self, job: Job) -> Job:
        judge = job.judge and replace(job.judge, job=self._in_background(job.judge.job))
        paced = self._in_background(job)
        return replace(paced, step=replace(paced.step, on_slice=self._take_slice), judge=judge)

    def _in_background(self, job: Job) -> Job:
        if self.where == "slot":
            return job
        return replace(job, step=replace(job.step, limits=replace(job.step.limits, background=True)))

    def _take_slice(self, under_way: UnderWay) -> None:
        self._under_way, self.used_slice = under_way, True
        self._is_long.set()
        self._slots._used_slice(self)


async def run_in(turn: Turn | None, sandbox: Sandbox, job: Job, *, is_kept: bool = False) -> StepResult:
    """Run a job in a turn (`Turn.run`); without one, at once."""
    return await (turn.run(sandbox, job, is_kept=is_kept) if turn else sandbox.run(job))


@dataclass(frozen=True)
class KeptSandbox:
    """Runs jobs in a turn. None of them is ended and begun again."""

    sandbox: Sandbox
    turn: Turn

    async def run(self, job: Job) -> StepResult:
        return await self.turn.run(self.sandbox, job, is_kept=True)
