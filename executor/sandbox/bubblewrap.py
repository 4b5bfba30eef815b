"""The sandbox that is used: a bubblewrap wall with a keeper in it, who makes a box for each job or has one ready."""

import asyncio
import itertools
from collections.abc import Sequence

from executor.sandbox.base import Job, Ready, SandboxFailure, Step, StepResult, Template, find_python
from executor.sandbox.box import Box
from executor.sandbox.keeper.protocol import BoxGone, Report, StepLimits, StepReport
from executor.sandbox.link import KeeperLink, Mechanisms
from executor.sandbox.pool import Pool
from executor.sandbox.vitals import Vitals, Watch, descendants

#: Seconds between two looks for boxes that nobody wants any more.
_DRAIN_S = 60.0
#: Making a box takes the keeper as long as a short program takes to run, so those that run and their answers go first.
_WHILE_RUNNING_S, _AFTER_RUN_S = 0.02, 0.002
#: Together with starting a process and ending it, this stays below ten seconds, in which an operator hears of a hang.
_PATIENCE_S = 5.0
#: Of a program that does nothing.
_LIMITS = StepLimits(
    cpu_s=60, wall_s=60, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=1 << 20, stack_bytes=8 << 20
)
_BYTES = 1 << 20


class BubblewrapSandbox:
    """What is waited for may do nothing for `patience_s` seconds: then it hangs."""

    def __init__(self, mechanisms: Mechanisms, patience_s: float = _PATIENCE_S) -> None:
        self.mechanisms = mechanisms
        self._patience_s = patience_s
        self._link = KeeperLink(mechanisms, self._hear, self._lost, patience_s)
        self._ids = itertools.count(1)
        self._boxes: dict[int, Box] = {}
        self._pools: list[Pool] = []
        self._under_way = 0
        self._draining: asyncio.TimerHandle | None = None
        self._drain_s = _DRAIN_S

    async def start(self) -> None:
        """Raise the wall, and have a program that does nothing run in a box.

        Raises `SandboxFailure`, with the message of the part that failed or did not end.
        """
        await self._raise()
        step = Step((find_python(), "-I", "-S", "-c", ""), {}, _LIMITS, _BYTES, merge_output=True)
        job = Job({}, (step,), Template(_BYTES, _LIMITS))
        box = await self._make(job.template)
        vitals = Vitals(lambda: descendants(self._link.keeper))
        watch = Watch(self._patience_s, vitals.have_moved, lambda: self._give_up(box))
        try:
            (ended,) = await box.run(job)
        finally:
            watch.stop()
        if not ended.succeeded:
            how = ended.stopped or ended.stdout.decode(errors="replace").strip() or ended.exit_code or ended.signal
            raise SandboxFailure(f"a program that does nothing ended in a box with {how}")

    async def aclose(self) -> None:
        """Kill everything that runs, and remove the cgroups. Afterwards every call raises `SandboxFailure`."""
        self._pools.clear()
        if self._draining:
            self._draining.cancel()
        await self._link.aclose()
        if self.mechanisms.cgroups:
            self.mechanisms.cgroups.remove()

    def keep_ready(self, wanted: Sequence[Ready]) -> None:
        """Have boxes standing before they are asked for."""
        self._pools += [Pool(ready, self._make, lambda: self._under_way) for ready in wanted if ready.count]
        self._refill()
        self._drain_s = min((self._drain_s, *(ready.idle_s for ready in wanted)))
        if self._draining:
            self._draining.cancel()
        self._drain()

    async def attend(self, job: Job) -> list[StepResult]:
        """As `run`, for what waits for most of its life: it is no program under way."""
        await self._raise()
        return await (await self._make(job.template)).run(job)

    async def run(self, job: Job) -> list[StepResult]:
        await self._raise()
        pool = next((pool for pool in self._pools if pool.template == job.template), None)
        self._under_way += 1
        try:
            box = (pool and pool.take()) or await self._make(job.template)
            self._refill_in(_WHILE_RUNNING_S)
            return await box.run(job)
        finally:
            self._under_way -= 1
            self._refill_in(_AFTER_RUN_S)

    async def _raise(self) -> None:
        if await self._link.start():
            self._refill()

    def _give_up(self, first: Box) -> None:
        self._link.abandon(f"the first box hung before {'its program ended' if first.is_ready else 'it stood'}")

    async def _make(self, template: Template) -> Box:
        """A box that will stand in a moment. No two that are not gone have the same user."""
        users = {box.user for box in self._boxes.values()}
        user = next(number for number in itertools.count() if number not in users)
        box = Box(next(self._ids), user, template, self._link)
        self._boxes[box.id] = box
        try:
            await box.prepare()
        except BaseException:
            box.close()
            self._boxes.pop(box.id, None)
            raise
        return box

    def _hear(self, report: Report) -> None:
        box = self._boxes.get(report.id)
        if box:
            box.hear(report)
            if isinstance(report, BoxGone):
                del self._boxes[box.id]
            if not isinstance(report, StepReport):  # whose program's answer goes first
                self._refill()

    def _refill_in(self, delay_s: float) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._refill)

    def _refill(self) -> None:
        if self._link.is_up:
            for pool in self._pools:
                pool.refill()

    def _drain(self) -> None:
        for pool in self._pools:
            pool.drain()
        self._draining = asyncio.get_running_loop().call_later(self._drain_s, self._drain)

    def _lost(self, reason: str) -> None:
        """The keeper is gone; the next run starts another."""
        boxes, self._boxes = self._boxes, {}
        for box in boxes.values():
            box.end(reason)
