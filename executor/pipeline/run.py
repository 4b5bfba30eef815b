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
from executor.pipeline.in_order import SpareSlot, in_order
from executor.pipeline.judges import CompiledJudge, files_beside, rejected, written_for_checker
from executor.pipeline.plan import PlannedProgram, PlannedRun, plan_judge, plan_program, plan_source
from executor.pipeline.results import Execution
from executor.sandbox.base import Job, OutputStream, Sandbox, SandboxFailure, StepResult
from executor.settings import MIB, ExecutorSettings
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

    async def run(self, request: RunRequest, installed: Installed) -> RunResponse:
        """Compile and run the program. If this is cancelled, the program is killed."""
        execution = await self._compile(plan_source(request, installed, self._settings))
        return results.answer(execution if execution.is_rejected else await self._run(execution))

    async def run_tests(
        self,
        request: ProgramRequest,
        installed: Installed,
        spare_slot: SpareSlot,
        find_language: FindLanguage,
        on_output: Callable[[OutputStream, bytes], None] | None = None,
    ) -> AsyncGenerator[Started | Compiled | JudgeFailed | TestEnded]:
        """Compile the program, run its tests, and yield in order how each ended.

        A judge's language is found by `find_language`. `on_output` gets what the program writes, while it runs. Raises
        `SandboxFailure` if the sandbox fails. If this is cancelled, the program is killed.
        """
        planned = replace(plan_program(request, installed, self._settings), on_output=on_output)
        yield results.started(planned)
        first = await self._compile(planned.run(request.runs[0]))
        if first.compiled:
            yield results.compiled(first)
            if first.is_rejected:
                return
        judges: dict[JudgeName, CompiledJudge] = {}
        for name, program in request.judges.items():
            prepared = await self._prepare(name, program, find_language)
            if isinstance(prepared, JudgeFailed):
                yield prepared
                return
            judges[name] = prepared
        room = _MAX_OUTPUT_BYTES
        number = 0
        async with aclosing(self._executions(planned, spare_slot, first.compiled, judges)) as executions:
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

    async def compile(self, planned: PlannedRun) -> StepResult | None:
        """Return how the program's compiler or build script ended; None if it has none."""
        return await self._compiler.compile(planned)

    async def run_job(self, job: Job) -> StepResult:
        """Run a job, and return how it ended."""
        return await self._sandbox.run(job)

    async def _compile(self, planned: PlannedRun) -> Execution:
        """Return a run whose program is compiled, and has not run."""
        if planned.compilation is None:
            return Execution(planned, None, None)
        since = load.Since(asyncio.get_running_loop())
        compiled = await self.compile(planned)
        # Only elapsed time depends on the load. What uses up its CPU time does so on any machine.
        pressure = since.share() if compiled and compiled.stopped == "wall" else None
        return Execution(planned, compiled, None, pressure)

    async def _run(self, compiled: Execution) -> Execution:
        """Run the program of an execution that was compiled."""
        planned = compiled.planned
        # It reads the load at the loop's next turn, so a program whose box is ready starts without waiting for that.
        since = load.Since(asyncio.get_running_loop())
        ran = await self._run_with_fallback(planned, planned.job_after(compiled.compiled))
        return replace(compiled, ran=ran, cpu_pressure=since.share() if ran.stopped == "wall" else None)

    async def _prepare(self, name: JudgeName, program: JudgeProgram, find: FindLanguage) -> CompiledJudge | JudgeFailed:
        """Compile a judge."""
        installed = find(program.language)
        if installed is None:
            message = f"The language of the {name}, {program.language[:40]!r}, is not on this server."
            return JudgeFailed(judge=name, judge_message=message)
        execution = await self._compile(plan_judge(program, installed, self._settings, self._beside_judges))
        if execution.is_rejected:
            return rejected(name, execution.last, execution.reason)
        planned = execution.planned
        return CompiledJudge(name, program, replace(planned, job=planned.job_after(execution.compiled)))

    async def _executions(
        self,
        planned: PlannedProgram,
        spare_slot: SpareSlot,
        compiled: StepResult | None,
        judges: Mapping[JudgeName, CompiledJudge],
    ) -> AsyncGenerator[Execution]:
        """Run the tests of a compiled program, and yield their executions in order. They run at once where there
        are slots, unless a failure may keep the next one from running at all."""
        tests, of_problem = planned.request.runs, planned.request.of_problem

        def max_points(test: ProgramTest) -> float | None:
            return None if of_problem else test.points

        async def execute(test: ProgramTest, compiled: StepResult | None) -> Execution:
            test = await self._with_data(test, needs_answer=bool(judges))
            if planned.request.passes == 1:
                return await execute_pass(judges, test, compiled)
            return await _run_passes(execute_pass, judges, test, compiled, planned.request.passes)

        async def execute_pass(
            judges: Mapping[JudgeName, CompiledJudge], test: ProgramTest, compiled: StepResult | None
        ) -> Execution:
            run = planned.run(test)
            execution = Execution(run, compiled, None) if compiled else await self._compile(run)
            if execution.is_rejected:
                return execution
            if "interactor" in judges:
                return await self._interact(execution, test, judges, max_points(test))
            execution = await self._run(execution)
            if "checker" not in judges or execution.verdict is not Verdict.OK:
                return execution
            judgement = await self._check(judges["checker"], test, execution.last.stdout, max_points(test))
            return replace(execution, judgement=judgement)

        again = None if planned.program.build else compiled
        work = (partial(execute, test, again if number else compiled) for number, test in enumerate(tests))
        if planned.request.stop_at_first_failure:
            for run in work:
                yield await run()
            return
        async with aclosing(in_order(work, spare_slot)) as executions:
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
        self, checker: CompiledJudge, test: ProgramTest, output: bytes, max_points: float | None
    ) -> Judgement:
        """Let a checker judge the output of a program that ended well."""
        ended = await self._run_with_fallback(checker.planned, checker.check(test, output))
        return checker.read(ended, max_points)

    async def _interact(
        self,
        compiled: Execution,
        test: ProgramTest,
        judges: Mapping[JudgeName, CompiledJudge],
        max_points: float | None,
    ) -> Execution:
        """Run a program while an interactor talks with it, and then the checker if there is one."""
        planned = compiled.planned
        job = planned.job_after(compiled.compiled)
        interactor = judges["interactor"].for_program(job.step.limits.wall_s)
        since = load.Since(asyncio.get_running_loop())
        talk = interactor.talk(test)
        cold = replace(job, judge=talk)
        warm_talk = replace(talk, job=self._warmed(interactor.planned, talk.job))
        ran = await self._run_with_fallback(planned, cold, replace(self._warmed(planned, cold), judge=warm_talk))
        assert ran.judge
        execution = replace(compiled, ran=ran, cpu_pressure=since.share() if ran.stopped == "wall" else None)
        judgement = interactor.read_talk(ran, execution.verdict, ran.judge, max_points)
        written = written_for_checker(ran.judge)
        if "checker" in judges and judgement.verdict is Verdict.ACCEPTED and written is not None:
            checked = await self._check(judges["checker"], test, written, max_points)
            judgement = checked.after(judgement)
        return replace(execution, judgement=judgement)

    def _warmed(self, planned: PlannedRun, job: Job) -> Job:
        """Return the job for a warm box, if there is one. What a build script makes may shadow modules of a runtime."""
        if self._warm is None or planned.program.build:
            return job
        return self._warm.place(job, planned.program, planned.installed)

    async def _run_with_fallback(self, planned: PlannedRun, job: Job, warm: Job | None = None) -> StepResult:
        """Run the job, in a warm box if there is one. Run it again in a cold one if that fails."""
        warm = warm or self._warmed(planned, job)
        try:
            return await self._sandbox.run(warm)
        except SandboxFailure as exc:
            if warm == job:
                raise
            log.warning("warm.failed", reason=str(exc))
            return await self._sandbox.run(job)


async def _run_passes(
    run: Callable[[Mapping[JudgeName, CompiledJudge], ProgramTest, StepResult | None], Awaitable[Execution]],
    judges: Mapping[JudgeName, CompiledJudge],
    test: ProgramTest,
    compiled: StepResult | None,
    most: int,
) -> Execution:
    """Run a test as often as its judge asks for, each time with the feedback of the passes before. Return the last pass
    with the largest measures of all."""
    feedback: Mapping[str, bytes] = {}
    ran, before = None, Judgement(Verdict.OK)
    for number in count(1):
        own = {name: replace(judge, feedback=feedback) for name, judge in judges.items()}
        execution = await run(own, test, compiled)
        if ran and execution.ran:
            execution = replace(execution, ran=passes.largest(execution.ran, ran))
        if execution.judgement is None:
            break
        said, following = passes.after_pass(execution.judgement, number, most)
        before = said.after(before)
        execution = replace(execution, judgement=before)
        if following is None:
            break
        ran, compiled = execution.ran, execution.compiled
        feedback = {name: content for name, content in said.feedback.items() if name != passes.NEXT_PASS}
        test = test.with_data(following, test.expected())
    return execution
