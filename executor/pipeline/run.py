"""Runs a program, from its request to the answer: compiles it, and runs it in boxes.

    RunRequest ─────┐
                    ├─> PlannedRun ──> Job (files, step) ──> Sandbox.run ──> StepResult ──> Execution ──> answer
    ProgramRequest ─┘   (plan.py)                                                          (results.py)

A program is compiled in a box (`compiler.py`), and each test runs in the next one with the compiled files. If there are
judges, all are compiled before any test. If the program fails, that is a result; if the sandbox fails, that is an
exception (`SandboxFailure`).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TypeAlias

from executor import load
from executor.cache_folder import find_folder
from executor.catalogue.installed import Installed
from executor.judging import passes
from executor.judging.judgement import Judgement
from executor.pipeline import results
from executor.pipeline.compiler import Compiler
from executor.pipeline.in_order import in_order
from executor.pipeline.judges import CompiledJudge, files_beside, rejected, written_for_checker
from executor.pipeline.plan import PlannedProgram, PlannedRun, memory_of_source, plan_judge, plan_program, plan_source
from executor.pipeline.results import Execution
from executor.sandbox.base import Job, OutputStream, Sandbox, SandboxFailure, StepResult
from executor.settings import MIB, ExecutorSettings
from executor.slots import Turn, Turns, run_in
from executor.test_data import TestDataCache
from executor.warm.warm import Warm
from shared.common.service.logging import get_logger
from shared.engine_api.codex import RunRequest, RunResponse, Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, JudgeFailed, Started, TestEnded
from shared.engine_api.run_call.request import JudgeName, JudgeProgram, ProgramRequest, ProgramTest

log = get_logger(__name__)

#: Returns a language or a variant by its name or code; None if it is not here.
FindLanguage: TypeAlias = Callable[[str], Installed | None]

#: Bytes that are sent of all outputs of a program's tests. What comes later is cut, after it has been compared.
_MAX_OUTPUT_BYTES = 16 * MIB


class Pipeline:
    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None = None) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._settings = settings
        self._compiler = Compiler(sandbox, settings, warm)
        self._beside_judges = files_beside(settings.checker_files)
        folder = find_folder(settings.tuning.cache_dir, "test-data")
        self.test_data = TestDataCache(folder, settings.test_data_cache_bytes)

    def memory_of(self, request: RunRequest, installed: Installed) -> int:
        """Return the most bytes that the boxes of a program may take."""
        return memory_of_source(request, installed, self._settings)

    async def run(self, request: RunRequest, installed: Installed, turn: Turn | None = None) -> RunResponse:
        """Compile and run the program, in a turn if it has one. If this is cancelled, the program is killed."""
        execution = await self._compile(plan_source(request, installed, self._settings), turn)
        if not execution.is_rejected:
            if turn:
                await turn.renew()
            execution = await self._run(execution, turn)
        return results.answer(execution)

    async def run_tests(
        self,
        request: ProgramRequest,
        installed: Installed,
        turns: Turns,
        find_language: FindLanguage,
        on_output: Callable[[OutputStream, bytes], None] | None = None,
    ) -> AsyncGenerator[Started | Compiled | JudgeFailed | TestEnded]:
        """Compile the program, run its tests, and yield in order how each ended. The first event comes when it begins.

        A judge's language is found by `find_language`. `on_output` gets what the program writes, while it runs. Raises
        `Full` if it cannot wait for a slot, and `SandboxFailure` if the sandbox fails. If this is cancelled, the
        program is killed.
        """
        planned = replace(plan_program(request, installed, self._settings), on_output=on_output)
        async with turns.take(planned.memory_bytes) as turn:
            yield results.started(planned)
            first = await self._compile(planned.run(request.runs[0]), turn)
            if first.compiled:
                yield results.compiled(first)
                if first.is_rejected:
                    return
            judges: dict[JudgeName, CompiledJudge] = {}
            for name, program in request.judges.items():
                prepared = await self._prepare(name, program, find_language, turn)
                if isinstance(prepared, JudgeFailed):
                    yield prepared
                    return
                judges[name] = prepared
            await turn.renew()
            executions = self._executions(planned, turn, turns, first.compiled, judges)
            del first
            async with aclosing(executions), aclosing(self._judged(request, executions)) as events:
                async for event in events:
                    yield event

    async def _judged(
        self, request: ProgramRequest, executions: AsyncGenerator[Execution]
    ) -> AsyncGenerator[TestEnded]:
        """Yield how each test ended, until the others need not run."""
        room = _MAX_OUTPUT_BYTES
        time_limits = 0
        number = 0
        async for execution in executions:
            number += 1
            kept = min(room, self._settings.max_output_bytes) if request.of_problem else room
            test = request.runs[number - 1]
            if execution.judgement is None and execution.verdict is Verdict.OK:
                test = await self._with_data(test, needs_input=False)
            event = await results.test_ended(number, test, request.checker, execution, kept)
            room -= min(kept, len(execution.last.stdout) + len(execution.last.stderr))
            yield event
            if event.verdict is Verdict.JUDGE_ERROR:
                return
            if request.stop_at_first_failure and event.verdict not in GOOD_VERDICTS:
                return
            time_limits += event.verdict is Verdict.TIME_LIMIT
            if time_limits == request.stop_after_time_limits:
                return

    async def compile(self, planned: PlannedRun, turn: Turn | None) -> StepResult | None:
        """Return how the program's compiler or build script ended; None if it has none."""
        return await self._compiler.compile(planned, turn)

    async def run_job(self, job: Job, turn: Turn) -> StepResult:
        """Run a job, and return how it ended."""
        return await turn.run(self._sandbox, job)

    async def _compile(self, planned: PlannedRun, turn: Turn | None) -> Execution:
        """Return a run whose program is compiled, and has not run."""
        if planned.compilation is None:
            return Execution(planned, None, None)
        since = load.Since(asyncio.get_running_loop())
        compiled = await self.compile(planned, turn)
        # Only elapsed time depends on the load. What uses up its CPU time does so on any machine.
        pressure = since.share() if compiled and compiled.stopped == "wall" else None
        return Execution(planned, compiled, None, pressure)

    async def _run(self, compiled: Execution, turn: Turn | None) -> Execution:
        """Run the program of an execution that was compiled."""
        planned = compiled.planned
        # It reads the load at the loop's next turn, so a program whose box is ready starts without waiting for that.
        since = load.Since(asyncio.get_running_loop())
        ran = await self._run_with_fallback(planned, planned.job_after(compiled.compiled), turn)
        return replace(compiled, ran=ran, cpu_pressure=since.share() if ran.stopped == "wall" else None)

    async def _prepare(
        self, name: JudgeName, program: JudgeProgram, find: FindLanguage, turn: Turn
    ) -> CompiledJudge | JudgeFailed:
        installed = find(program.language)
        if installed is None:
            message = f"The language of the {name}, {program.language[:40]!r}, is not on this server."
            return JudgeFailed(judge=name, judge_message=message)
        execution = await self._compile(plan_judge(program, installed, self._settings, self._beside_judges), turn)
        if execution.is_rejected:
            return rejected(name, execution.last, execution.reason)
        planned = execution.planned
        return CompiledJudge(name, program, replace(planned, job=planned.job_after(execution.compiled)))

    async def _executions(
        self,
        planned: PlannedProgram,
        first: Turn,
        turns: Turns,
        compiled: StepResult | None,
        judges: Mapping[JudgeName, CompiledJudge],
    ) -> AsyncGenerator[Execution]:
        """Run the tests of a compiled program, the first of them in its turn, and yield their executions in order. They
        run at once where there are slots, unless a failure may keep the next one from running at all."""
        tests, of_problem = planned.request.runs, planned.request.of_problem

        def max_points(test: ProgramTest) -> float | None:
            return None if of_problem else test.points

        async def execute(test: ProgramTest, compiled: StepResult | None, turn: Turn) -> Execution:
            test = await self._with_data(test, needs_answer=bool(judges))
            execute_in_turn = partial(execute_pass, turn)
            if planned.request.passes == 1:
                execution = await execute_in_turn(judges, test, compiled)
            else:
                execution = await _run_passes(execute_in_turn, judges, test, compiled, planned.request.passes)
            # It may have to wait for tests before it, and its files may be large.
            return replace(execution, compiled=execution.compiled and replace(execution.compiled, compiled_files={}))

        async def execute_pass(
            turn: Turn, judges: Mapping[JudgeName, CompiledJudge], test: ProgramTest, compiled: StepResult | None
        ) -> Execution:
            run = planned.run(test)
            execution = Execution(run, compiled, None) if compiled else await self._compile(run, turn)
            if execution.is_rejected:
                return execution
            if "interactor" in judges:
                return await self._interact(execution, test, judges, max_points(test), turn)
            execution = await self._run(execution, turn)
            if "checker" not in judges or execution.verdict is not Verdict.OK:
                return execution
            judgement = await self._check(judges["checker"], test, execution.last.stdout, max_points(test), turn)
            return replace(execution, judgement=judgement)

        # What a build script leaves is for the first test only. It may be large, so it is in no other variable.
        made = [*[None if planned.program.build else compiled] * (len(tests) - 1), compiled]
        del compiled
        work = (partial(execute, test, made.pop()) for test in tests)
        at_once = not planned.request.stop_at_first_failure
        async with aclosing(in_order(work, turns, first, at_once=at_once)) as executions:
            async for execution in executions:
                yield execution

    async def _with_data(
        self, test: ProgramTest, *, needs_input: bool = True, needs_answer: bool = True
    ) -> ProgramTest:
        """Return the test with the data that it names by digest, as far as it needs them."""
        read, stdin, expected = self.test_data.read, test.stdin_sha256, test.expected_sha256
        if not (stdin and needs_input) and not (expected and needs_answer):
            return test
        try:
            return test.with_data(
                await read(stdin) if stdin and needs_input else test.input(),
                await read(expected) if expected and needs_answer else test.expected(),
            )
        except (OSError, KeyError) as exc:
            raise SandboxFailure(f"the data of a test cannot be read: {exc}") from exc

    async def _check(
        self, checker: CompiledJudge, test: ProgramTest, output: bytes, max_points: float | None, turn: Turn
    ) -> Judgement:
        """Let a checker judge the output of a program that ended well."""
        ended = await self._run_with_fallback(checker.planned, checker.check(test, output), turn, is_kept=True)
        return checker.read(ended, max_points)

    async def _interact(
        self,
        compiled: Execution,
        test: ProgramTest,
        judges: Mapping[JudgeName, CompiledJudge],
        max_points: float | None,
        turn: Turn,
    ) -> Execution:
        """Run a program while an interactor talks with it, and then the checker if there is one."""
        planned = compiled.planned
        job = planned.job_after(compiled.compiled)
        interactor = judges["interactor"].for_program(job.step.limits.wall_s)
        since = load.Since(asyncio.get_running_loop())
        talk = interactor.talk(test)
        cold = replace(job, judge=talk)
        warm_talk = replace(talk, job=self._warmed(interactor.planned, talk.job))
        ran = await self._run_with_fallback(planned, cold, turn, replace(self._warmed(planned, cold), judge=warm_talk))
        assert ran.judge
        execution = replace(compiled, ran=ran, cpu_pressure=since.share() if ran.stopped == "wall" else None)
        judgement = interactor.read_talk(ran, execution.verdict, ran.judge, max_points)
        written = written_for_checker(ran.judge)
        if "checker" in judges and judgement.verdict is Verdict.ACCEPTED and written is not None:
            checked = await self._check(judges["checker"], test, written, max_points, turn)
            judgement = checked.after(judgement)
        return replace(execution, judgement=judgement)

    def _warmed(self, planned: PlannedRun, job: Job) -> Job:
        """Return the job for a warm box, if there is one. What a build script makes may shadow modules of a runtime."""
        if self._warm is None or planned.program.build:
            return job
        return self._warm.place(job, planned.program, planned.installed)

    async def _run_with_fallback(
        self, planned: PlannedRun, job: Job, turn: Turn | None, warm: Job | None = None, *, is_kept: bool = False
    ) -> StepResult:
        """Run the job, in a warm box if there is one. Run it again in a cold one if that fails."""
        warm = warm or self._warmed(planned, job)
        try:
            return await run_in(turn, self._sandbox, warm, is_kept=is_kept)
        except SandboxFailure as exc:
            if warm == job:
                raise
            log.warning("warm.failed", reason=str(exc))
            return await run_in(turn, self._sandbox, job, is_kept=is_kept)


async def _run_passes(
    run: Callable[[Mapping[JudgeName, CompiledJudge], ProgramTest, StepResult | None], Awaitable[Execution]],
    judges: Mapping[JudgeName, CompiledJudge],
    test: ProgramTest,
    compiled: StepResult | None,
    max_passes: int,
) -> Execution:
    """Run a test as often as its judge asks for, each time with the feedback of the passes before. Return the last pass
    with the largest measures of all."""
    feedback: Mapping[str, bytes] = {}
    ran, before = None, Judgement(Verdict.OK)
    for number in count(1):
        judges_of_pass = {name: replace(judge, feedback=feedback) for name, judge in judges.items()}
        execution = await run(judges_of_pass, test, compiled)
        if ran and execution.ran:
            execution = replace(execution, ran=passes.largest(execution.ran, ran))
        if execution.judgement is None:
            break
        judgement, following = passes.after_pass(execution.judgement, number, max_passes)
        before = judgement.after(before)
        execution = replace(execution, judgement=before)
        if following is None:
            break
        ran, compiled = execution.ran, execution.compiled
        feedback = {name: content for name, content in judgement.feedback.items() if name != passes.NEXT_PASS}
        test = test.with_data(following, test.expected())
    return execution
