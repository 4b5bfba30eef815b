"""Runs unit tests: lists them without the program, and then runs them against it, with new boxes after each loss.

listing ──> Collection ──> a pair of boxes ──> UnitTestEnded of each test ──> UnitTestsEnded
                             ^──── a test that loses one is lost, and the next ones get another pair
"""

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from cachetools import LRUCache

from executor.catalogue.installed import Installed
from executor.limits import RunLimits
from executor.pipeline.compiler import Compiler
from executor.pipeline.plan import plan_program
from executor.pipeline.results import Execution, started
from executor.pipeline.results import compiled as compiled_event
from executor.sandbox.base import Job, Laps, Sandbox, SandboxFailure, StepResult, WorkFile
from executor.settings import ExecutorSettings
from executor.slots import KeptSandbox, Turns
from executor.unit_tests import jvm
from executor.unit_tests.bundle import Bundles
from executor.unit_tests.ends import lost, unrun, why_lost
from executor.unit_tests.plan import UnitTestPlan
from executor.unit_tests.reports import Reports
from executor.warm.warm import Warm
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import (
    CollectedTest,
    Collection,
    Compiled,
    JudgeFailed,
    Started,
    UnitTestEnded,
    UnitTestEvent,
    UnitTestsEnded,
)
from shared.engine_api.run_call.request import ProgramRequest
from shared.engine_api.run_call.results import verdict_of_unit_tests
from shared.engine_api.unit_tests import UnitTestOutcome

#: The most pairs of boxes of one run.
_MAX_STARTS: Final = 100
#: Compiled tests, and lists of tests, that are kept.
_MAX_COMPILED: Final = 16
_MAX_LISTS: Final = 256
#: Seconds within which the end of a box that has ended is known.
_END_S: Final = 2.0
_PARTS: Final = {True: "this test", False: "its import"}


class UnitTester:
    """Runs the unit tests of requests. `warm` is None if there are no warm boxes."""

    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None = None) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._warm = warm
        self._bundles = Bundles(sandbox, settings)
        self._compiler = Compiler(sandbox, settings, warm)
        self._compiled: LRUCache[bytes, dict[str, WorkFile]] = LRUCache(_MAX_COMPILED)
        #: The tests of those that were listed before, and the modules that they import, by what they depend on.
        self._lists: LRUCache[bytes, tuple[Collection, list[str]]] = LRUCache(_MAX_LISTS)

    async def run(
        self, request: ProgramRequest, installed: Installed, turns: Turns
    ) -> AsyncGenerator[Started | Compiled | JudgeFailed | UnitTestEvent]:
        """List the tests, run them, and yield in order how each ended. The first event comes when the run begins.

        Raises `Full` if it cannot wait for a slot, and `SandboxFailure` if the sandbox fails.
        """
        program = plan_program(request, installed, self._settings)
        async with turns.take(program.memory_bytes) as turn:
            sandbox = KeptSandbox(self._sandbox, turn)
            assert request.unit_tests
            bundle = await self._bundles.get(request.unit_tests.framework, installed)
            plan = UnitTestPlan(request, installed, self._settings, bundle)
            yield started(program)
            if plan.is_java:
                made = await self._compiled_tests(plan, sandbox)
                if isinstance(made, JudgeFailed):
                    yield made
                    return
                plan = replace(plan, compiled_tests=made)
            listed, judge_cpu_s = await self._list(plan, sandbox)
            if isinstance(listed, JudgeFailed):
                yield listed
                return
            yield listed[0]
            if plan.is_java:
                compiled = await self._compiler.compile(plan.planned, turn)
                assert compiled
                if not compiled.succeeded:
                    for number in range(1, len(listed[0].tests) + 1):
                        yield unrun(number)
                yield compiled_event(Execution(plan.planned, compiled, None))
                if not compiled.succeeded:
                    return
                plan = replace(plan, compiled_program=compiled.compiled_files)
            run = _ListedRun(sandbox, self._warm, plan, *listed, judge_cpu_s)
            async with aclosing(run.events()) as events:
                async for event in events:
                    yield event
        yield run.summary()

    async def _compiled_tests(self, plan: UnitTestPlan, sandbox: Sandbox) -> dict[str, WorkFile] | JudgeFailed:
        key = hashlib.sha256(plan.tests.model_dump_json().encode() + plan.bundle.tests).digest()
        if known := self._compiled.get(key):
            return known
        job = jvm.tests_code(plan.installed, self._settings, plan.bundle.tests, plan.test_files)
        compiled = await sandbox.run(job)
        if not compiled.succeeded:
            return JudgeFailed(judge="unit_tests", judge_message=f"The tests do not compile: {compiled.why_failed}")
        self._compiled[key] = compiled.compiled_files
        return compiled.compiled_files

    async def _list(
        self, plan: UnitTestPlan, sandbox: Sandbox
    ) -> tuple[tuple[Collection, list[str]] | JudgeFailed, float]:
        depends_on = f"{plan.tests.model_dump_json()} {plan.installed.info}"
        key = hashlib.sha256(depends_on.encode() + plan.bundle.tests).digest()
        if known := self._lists.get(key):
            return known, 0.0
        reports = Reports(sandbox, plan.listing)
        fault, listed = None, None
        async with aclosing(reports.events()) as events:
            async for event in events:
                match event:
                    case {"event": "fault", "message": message}:
                        fault = str(message)
                    case {"event": "listed", "tests": tests, "modules": modules}:
                        listed = Collection(tests=[CollectedTest(**test) for test in tests]), list(modules)
        ended = reports.result
        if listed is None or fault is not None:
            own, part = plan.own_limits, "the listing of the tests"
            _, sentence = why_lost(None, part, StepResult(None, judge=ended), own, own, plan.exit_call)
            return JudgeFailed(judge="unit_tests", judge_message=fault or sentence), ended.cpu_s
        self._lists[key] = listed
        return listed, ended.cpu_s


class _ListedRun:
    """One run of listed tests."""

    def __init__(
        self,
        sandbox: Sandbox,
        warm: Warm | None,
        plan: UnitTestPlan,
        collection: Collection,
        modules: list[str],
        judge_cpu_s: float,
    ) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._plan = plan
        self._tests = collection.tests
        self._modules = modules
        #: The numbers of those that have not ended, of the part that runs.
        self._left: list[int] = []
        self._ended: dict[int, UnitTestEnded] = {}
        self._starts = 0
        self._began = time.monotonic()
        #: Why the program cannot be imported, if that has ended its box.
        self._failure: str | None = None
        self._outputs = ("", "")
        self._cpu_s, self._memory_bytes, self._judge_cpu_s = 0.0, 0, judge_cpu_s

    async def events(self) -> AsyncGenerator[UnitTestEnded]:
        """Yield how each test ended. A visible test shows what the program prints, so none comes after a hidden one in
        the same boxes."""
        for part in _parts(self._tests):
            self._left = part
            while self._left and self._may_go_on():
                async with aclosing(self._run_pair()) as events:
                    async for ended in events:
                        for event in (*self._unreported(ended.number), ended):
                            self._note(event)
                            yield event
                        if not self._may_go_on():
                            break
        for number in range(1, len(self._tests) + 1):
            if number not in self._ended:
                self._ended[number] = unrun(number)
                yield self._ended[number]

    def summary(self) -> UnitTestsEnded:
        """Return the last event."""
        return UnitTestsEnded(
            verdict=verdict_of_unit_tests(self._tests, [self._ended[number] for number in sorted(self._ended)]),
            points_awarded=round(sum(event.points_awarded for event in self._ended.values()), 6),
            stdout=self._outputs[0],
            stderr=self._outputs[1],
            cpu_s=round(self._cpu_s, 6),
            wall_s=round(time.monotonic() - self._began, 6),
            memory_bytes=self._memory_bytes,
            judge_cpu_s=round(self._judge_cpu_s, 6),
            starts=self._starts,
        )

    def _may_go_on(self) -> bool:
        bad = (UnitTestOutcome.FAILED, UnitTestOutcome.ERROR)
        is_over = self._plan.request.stop_at_first_failure and any(
            event.outcome in bad for event in self._ended.values()
        )
        return not is_over and self._cpu_s < self._plan.total_cpu_s and self._starts < _MAX_STARTS

    async def _run_pair(self) -> AsyncGenerator[UnitTestEnded]:
        """Run the tests that are left in new boxes, until one of the boxes ends."""
        self._starts += 1
        pair = _Pair(self._plan, self._cpu_s)
        first = self._left[0]
        chosen = {number: self._tests[number - 1] for number in self._left}
        reports = Reports(
            self._sandbox,
            lambda report: self._plan.pair(self._place, report, pair.begun, self._modules, chosen, self._failure),
        )
        async with aclosing(reports.events()) as events:
            async for event in events:
                ended = await pair.handle(event)
                self._cpu_s, self._outputs = pair.cpu_s, pair.outputs or self._outputs
                if ended:
                    yield ended
        ran = reports.result
        self._cpu_s = max(self._cpu_s, pair.before_s + ran.cpu_s)
        self._memory_bytes = max(self._memory_bytes, ran.memory_bytes)
        self._judge_cpu_s += ran.judge.cpu_s if ran.judge else 0.0
        if ran.stopped not in (None, "killed", "cpu", "wall", "memory", "output"):
            raise SandboxFailure(f"the program was stopped: {ran.stopped}")
        part, own = _PARTS[pair.number is not None], self._plan.own_limits
        why = why_lost(pair.reason, part, ran, pair.limits, own, self._plan.exit_call)
        if pair.is_finished:
            for missing in self._unreported(math.inf):
                yield missing
        elif pair.is_starting:
            self._failure = why[1]
        elif number := pair.number or (first if first not in self._ended else None):
            yield lost(number, why, ran, pair.reason, self._cpu_s - pair.began_cpu_s, pair.elapsed_s)

    def _note(self, event: UnitTestEnded) -> None:
        self._ended[event.number] = event
        self._left.remove(event.number)

    def _unreported(self, end: float) -> list[UnitTestEnded]:
        """Return the ends of tests before this number that were listed, and have not run with the program."""
        message = "The test was listed, and did not run with the program."
        return [
            UnitTestEnded(
                number=number,
                outcome=UnitTestOutcome.ERROR,
                verdict=Verdict.RUNTIME_ERROR,
                points_awarded=0,
                message=message,
                judge_message=message,
            )
            for number in self._left
            if number < end
        ]

    def _place(self, job: Job) -> Job:
        planned = self._plan.planned
        return self._warm.place(job, planned.program, planned.installed) if self._warm else job


def _parts(tests: Sequence[CollectedTest]) -> list[list[int]]:
    """Return the numbers of the tests that may run in the same boxes: hidden ones after the visible ones, or alone."""
    visible = [number for number, test in enumerate(tests, 1) if not test.hidden]
    hidden = [number for number, test in enumerate(tests, 1) if test.hidden]
    if visible and hidden and hidden[0] < visible[-1]:
        return [visible, hidden]
    return [visible + hidden]


class _Pair:
    """The two boxes of some tests, while they run. `before_s` is the CPU time of the program's boxes before it."""

    def __init__(self, plan: UnitTestPlan, before_s: float) -> None:
        self._plan = plan
        self._student: list[Laps] = []
        self._own: list[Laps] = []
        self.begun = self._student.append, self._own.append
        self.before_s = self.cpu_s = before_s
        self.number: int | None = None
        self.reason: str | None = None
        self.outputs: tuple[str, str] | None = None
        self.is_starting = self.is_finished = False
        self.limits = plan.student_limits
        self._began, self.began_cpu_s = time.monotonic(), before_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    async def handle(self, event: dict[str, Any]) -> UnitTestEnded | None:
        """Take an event of the tests' box, and return how a test ended, if it says that. When it is answered, the
        limits of the next part hold."""
        match event["event"]:
            case "start":
                self.is_starting = True
                await self._begin_lap(self._plan.start_limits)
            case "started":
                self.is_starting, self.outputs = False, (str(event["out"]), str(event["err"]))
                await self._begin_lap(self._plan.student_limits)
            case "begin":
                self.number = int(event["number"])
                await self._begin_lap(self._plan.student_limits)
                self._began, self.began_cpu_s = time.monotonic(), self.cpu_s
            case "end":
                return await self._end(event)
            case "lost":
                self.reason = str(event["reason"])
                for laps in self._student:
                    await asyncio.wait({laps.ended}, timeout=_END_S if self.reason == "ended" else 0)
            case "finished":
                self.is_finished = True
        return None

    async def _end(self, event: dict[str, Any]) -> UnitTestEnded:
        wall_s = self.elapsed_s
        await self._begin_lap(self._plan.student_limits)
        self.number = None
        copied = ("number", "outcome", "verdict", "message", "judge_message")
        return UnitTestEnded(
            **{name: event[name] for name in copied},
            points_awarded=event["points"],
            stdout=event["out"],
            stderr=event["err"],
            truncated=["stdout" if name == "out" else "stderr" for name in event["cut"]],
            cpu_s=round(self.cpu_s - self.began_cpu_s, 6),
            wall_s=round(wall_s, 6),
        )

    async def _begin_lap(self, limits: RunLimits) -> None:
        [student], [own] = self._student, self._own
        self.limits = limits
        left_s = max(self._plan.total_cpu_s - self.cpu_s, 0.01)
        cpu_s = await student.begin(min(limits.cpu_s, left_s), limits.wall_s)
        if cpu_s is not None:
            self.cpu_s = self.before_s + cpu_s
        await own.begin(self._plan.own_limits.cpu_s, self._plan.own_limits.wall_s)
