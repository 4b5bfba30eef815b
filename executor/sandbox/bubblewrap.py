"""The sandbox in use: a bubblewrap wall around a keeper, which makes a box for each job or has one ready."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace

from executor.sandbox import room
from executor.sandbox.base import (
    WORK,
    Job,
    JudgeJob,
    Pipes,
    SandboxFailure,
    Step,
    StepResult,
    Template,
    find_python,
    open_pipes,
)
from executor.sandbox.box import Box
from executor.sandbox.keeper.process_tree import descendants
from executor.sandbox.keeper.protocol import BoxGone, Report, StepLimits, StepReport
from executor.sandbox.link import KeeperLink
from executor.sandbox.pool import Pool
from executor.sandbox.progress import ProcessActivity, ProgressWatch
from executor.sandbox.wall.mechanisms import Mechanisms

#: Seconds before a pool is refilled. Making a box takes the keeper as long as a short program takes to run, so running
#: programs and their answers go first. Most programs end within the first of these. A compiler's program follows it.
_WHILE_RUNNING_S, _AFTER_RUN_S = 0.1, 0.002
#: Seconds without progress after which a process hangs. An operator must learn of a hang within ten seconds, and
#: starting and ending the process take some of them.
_PATIENCE_S = 5.0
#: For the trial program, which does nothing.
_TRIAL_LIMITS = StepLimits(
    cpu_s=60, wall_s=60, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=1 << 20, stack_bytes=8 << 20
)
_TRIAL_BYTES = 1 << 20


class BubblewrapSandbox:
    """Runs jobs in boxes. A keeper or a first box that does nothing for `patience_s` seconds is killed, because it
    hangs."""

    def __init__(self, mechanisms: Mechanisms, patience_s: float = _PATIENCE_S) -> None:
        self.mechanisms = mechanisms
        self._patience_s = patience_s
        self._link = KeeperLink(mechanisms, self._handle_report, self._handle_lost_keeper, patience_s)
        self._ids = itertools.count(1)
        self._boxes: dict[int, Box] = {}
        self._pools: list[Pool] = []

    async def start(self) -> None:
        """Raise the wall, and run a program that does nothing in a box.

        Raises `SandboxFailure` with the message of the part that failed or hung.
        """
        await self._ensure_up()
        step = Step((find_python(), "-I", "-S", "-c", ""), {}, _TRIAL_LIMITS, _TRIAL_BYTES, merge_output=True)
        job = Job({}, step, Template(_TRIAL_BYTES, _TRIAL_LIMITS))
        box = await self._make(job.template)
        activity = ProcessActivity(lambda: descendants(self._link.keeper))
        watch = ProgressWatch(self._patience_s, activity.has_changed, lambda: self._give_up(box))
        try:
            result = await box.run(job)
        finally:
            watch.stop()
        if not result.succeeded:
            raise SandboxFailure(f"a program that does nothing failed in a box: {result.why_failed}")

    async def aclose(self) -> None:
        """Kill everything that runs, and remove the cgroups. Afterwards every call raises `SandboxFailure`."""
        for pool in self._pools:
            pool.drain()
        self._pools.clear()
        await self._link.aclose()
        if self.mechanisms.cgroups:
            self.mechanisms.cgroups.remove()

    def keep_ready(self, template: Template, count: int, idle_s: float) -> None:
        """Make boxes of this template ahead of need, until there has been no demand for `idle_s` seconds."""
        if count:
            self._pools.append(Pool(template, count, idle_s, self._make))
        self._refill()

    async def run(self, job: Job) -> StepResult:
        if refused := room.refused(job):
            return refused
        await self._ensure_up()
        try:
            box = await self._take(job.template)
            self._refill_in(_WHILE_RUNNING_S)
            if job.judge is None:
                return await box.run(job)
            judge = None
            try:
                judge = await self._take(job.judge.job.template)
                return await _run_pair(box, judge, job, job.judge)
            except BaseException:  # even if they did not begin: they would wait for their jobs without end
                for unused in filter(None, (box, judge)):
                    unused.kill()
                raise
        finally:
            if job.out_limits is None or job.out_limits.folder != WORK:
                self._refill_in(_AFTER_RUN_S)

    async def _take(self, template: Template) -> Box:
        """Return a box of the template, which is ready or will be in a moment."""
        pool = next((pool for pool in self._pools if pool.template == template), None)
        return (pool and pool.take()) or await self._make(template)

    async def _ensure_up(self) -> None:
        if await self._link.start():
            self._refill()

    def _give_up(self, box: Box) -> None:
        self._link.abandon(f"the first box hung before {'its program ended' if box.is_ready else 'it was ready'}")

    async def _make(self, template: Template) -> Box:
        """Return a box that will be ready in a moment. No other box that exists has the same user."""
        users = {box.user for box in self._boxes.values()}
        user = next(number for number in itertools.count() if number not in users)
        box = Box(next(self._ids), user, template, self._link)
        self._boxes[box.id] = box
        try:
            await box.prepare()
        except BaseException:
            self._boxes.pop(box.id, None)
            raise
        return box

    def _handle_report(self, report: Report) -> None:
        box = self._boxes.get(report.id)
        if box:
            box.handle(report)
            if isinstance(report, BoxGone):
                del self._boxes[box.id]
            if not isinstance(report, StepReport):  # a step's result is sent first
                self._refill()

    def _refill_in(self, delay_s: float) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._refill)

    def _refill(self) -> None:
        if self._link.is_up:
            for pool in self._pools:
                pool.refill()

    def _handle_lost_keeper(self, reason: str) -> None:
        """End all boxes. The next run starts another keeper."""
        boxes, self._boxes = self._boxes, {}
        for box in boxes.values():
            box.end(reason)


async def _run_pair(program: Box, judge: Box, job: Job, judging: JudgeJob) -> StepResult:
    """Run the job and its judge's, and return how the program ended, with how its judge did.

    If this is cancelled or raises `SandboxFailure`, every process of both boxes is dead.
    """
    with _crossed_pipes(judge.id) as (of_program, of_judge):
        tasks = [
            asyncio.create_task(program.run(_talking(job, of_program))),
            asyncio.create_task(_judge(judge, _talking(judging.job, of_judge), judging.accepting, program)),
        ]
        try:
            ran, judged = await asyncio.gather(*tasks)
            return replace(ran, judge=judged)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


@contextlib.contextmanager
def _crossed_pipes(judge: int) -> Iterator[tuple[Pipes, Pipes]]:
    """Yield the descriptors of a program and of its judge's box. Those that no box has got are closed at the end."""
    to_program, from_program, to_judge, from_judge = open_pipes(4)
    of_program = Pipes([to_program[0], from_program[1]], judge)
    relayed = [from_program[0], to_judge[1], from_judge[0], to_program[1]]
    of_judge = Pipes([to_judge[0], from_judge[1], *relayed], judge)
    try:
        yield of_program, of_judge
    finally:
        for descriptor in [*of_program.take(), *of_judge.take()]:
            os.close(descriptor)


async def _judge(box: Box, job: Job, accepting: frozenset[int], program: Box) -> StepResult:
    """Run the judge, and end the program if the judge does not accept."""
    judged = await box.run(job)
    if judged.stopped is not None or judged.exit_code not in accepting:
        program.kill()
    return judged


def _talking(job: Job, pipes: Pipes) -> Job:
    return replace(job, step=replace(job.step, stdin=b"", pipes=pipes, merge_output=False))
