"""Runs a program, from its request to the answer: compiles it, and runs it in boxes.

    RunRequest ─────┐
                    ├─> PlannedRun ──> Job (files, steps) ──> Sandbox.run ──> [StepResult, ...] ──> Execution ──> answer
    ProgramRequest ─┘   (plan.py)                                                                  (results.py)

The first run compiles in its own box, before the program starts. If there are judges, all are compiled before any
test. The compile step is left out if the compiled files are known already, as they are for further tests. If the
program fails, that is a result; if the sandbox fails, that is an exception (`SandboxFailure`).
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
from executor.pipeline.compile_cache import CompileCache, identity, key_of
from executor.pipeline.in_order import SpareSlot, in_order
from executor.pipeline.judges import CompiledJudge, files_beside, rejected, written_for_checker
from executor.pipeline.plan import PlannedProgram, PlannedRun, plan_judge, plan_program, plan_source
from executor.pipeline.results import Execution
from executor.sandbox.base import MAX_COMPILED_FILES, Job, OutputStream, Sandbox, SandboxFailure, StepResult
from executor.settings import MIB, ExecutorSettings
from executor.test_data import TestDataCache
from executor.warm import shared_compiler
from executor.warm.warm import Warm
from shared.common.service.logging import get_logger
from shared.engine_api.codex import RunRequest, RunResponse, Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, JudgeFailed, Started, TestEnded
from shared.engine_api.run_call.request import JudgeName, JudgeProgram, ProgramRequest, ProgramTest

log = get_logger(__name__)

#: Returns a language or a variant by its name or code; None if it is not here.
FindLanguage: TypeAlias = Callable[[str], Installed | None]

#: Bytes of compiled files that are kept for the further tests of a program. If it has more, each test compiles it.
_COMPILED_BYTES = 64 * MIB
#: Bytes that are sent of all outputs of a program's tests. What comes later is cut, after it has been compared.
_MAX_OUTPUT_BYTES = 16 * MIB


class Pipeline:
    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None = None) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._settings = settings
        self._cache = CompileCache(settings.compile_cache_bytes)
        self._beside_judges = files_beside(settings.checker_files)
        folder = find_folder(settings.tuning.cache_dir, "test-data")
        self.test_data = TestDataCache(folder, settings.test_data_cache_bytes)

    async def run(self, request: RunRequest, installed: Installed) -> RunResponse:
        """Compile and run the program. If this is cancelled, the program is killed."""
        return results.answer(await self._execute(plan_source(request, installed, self._settings)))

    async def run_tests(
        self,
        request: ProgramRequest,
        installed: Installed,
        spare_slot: SpareSlot,
        find_language: FindLanguage,
        on_output: Callable[[OutputStream, bytes], None] | None = None,
    ) -> AsyncGenerator[Started | Compiled | JudgeFailed | TestEnded]:
        """Compile the program once, run its tests, and yield in order how each ended.

        A judge's language is found by `find_language`. `on_output` gets what the program writes, while it runs. Raises
        `SandboxFailure` if the sandbox fails. If this is cancelled, the program is killed.
        """
        planned = replace(plan_program(request, installed, self._settings), on_output=on_output)
        yield results.started(planned)
        compiled = None
        judges: dict[JudgeName, CompiledJudge] = {}
        if request.judges:
            first = await self._compile_first(planned)
            if first.compiled:
                yield results.compiled(first, first.compiled, rejected=not first.compiled.succeeded)
                if not first.compiled.succeeded:
                    return
            compiled = first.compiled
        for name, program in request.judges.items():
            prepared = await self._prepare(name, program, find_language)
            if isinstance(prepared, JudgeFailed):
                yield prepared
                return
            judges[name] = prepared
        room = _MAX_OUTPUT_BYTES
        number = 0
        executions = self._executions(planned, spare_slot, compiled, judges)
        async with aclosing(executions):
            async for execution in executions:
                number += 1
                if number == 1 and execution.compiled and not judges:
                    yield results.compiled(execution, execution.compiled, rejected=execution.ran is None)
                    if execution.ran is None:
                        return
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

    async def compile(self, planned: PlannedRun) -> tuple[StepResult | None, Job]:
        """Compile a program. Return how the compiler ended (None if there is none), and the job that runs the program.

        The job compiles again if there are too many compiled files. So does a script that builds: it may do more than
        make files.
        """
        if not planned.compiles:
            return None, planned.job
        key = self._key(planned)
        async with self._cache.once(key) as known:
            compiled = known or await self._compiled_by_shared(planned, key)
            if compiled is None:
                compiled = await self._compile_alone(planned)
                uses_headers = planned.installed.headers_option in planned.job.steps[0].argv
                if uses_headers and self._rejected_with_precompiled_header(compiled, planned.job, planned.installed):
                    compiled = await self._compile_alone(planned.without_headers())
                self._cache.share(key, compiled)
        serves_again = compiled.compiled_files and planned.is_compiled_once
        return compiled, planned.after(compiled) if serves_again else planned.job

    async def _compile_alone(self, planned: PlannedRun) -> StepResult:
        kept = _COMPILED_BYTES if planned.is_compiled_once else 0
        only = replace(planned.job, steps=planned.job.steps[:1], compiled_bytes=kept, out_limits=None)
        (compiled,) = await self._sandbox.run(only)
        return compiled

    async def _compile_first(self, planned: PlannedProgram) -> Execution:
        """Compile a program whose tests run later, when its judge is compiled."""
        first = planned.run(planned.request.runs[0])
        since = load.Since(asyncio.get_running_loop())
        compiled, job = await self.compile(first)
        if compiled and planned.request.interactor:
            compiled = _kept(compiled, job)
        pressure = since.share() if compiled and compiled.stopped == "wall" else None
        return Execution(first, compiled, None, pressure)

    async def _prepare(self, name: JudgeName, program: JudgeProgram, find: FindLanguage) -> CompiledJudge | JudgeFailed:
        """Compile a judge."""
        installed = find(program.language)
        if installed is None:
            message = f"The language of the {name}, {program.language[:40]!r}, is not on this server."
            return JudgeFailed(judge=name, judge_message=message)
        planned = plan_judge(program, installed, self._settings, self._beside_judges)
        compiled, job = await self.compile(planned)
        if compiled and name == "interactor":
            compiled = _kept(compiled, job)
        if compiled and not compiled.succeeded:
            return rejected(name, compiled, Execution(planned, compiled, None).reason)
        return CompiledJudge(name, program, replace(planned, job=job))

    async def run_job(self, job: Job) -> StepResult:
        """Run a job, and return how it ended: its last step, or the compiler if that rejected the program this time."""
        return (await self._sandbox.run(job))[-1]

    async def _executions(
        self,
        planned: PlannedProgram,
        spare_slot: SpareSlot,
        compiled: StepResult | None,
        judges: Mapping[JudgeName, CompiledJudge],
    ) -> AsyncGenerator[Execution]:
        """Run the tests, and yield their executions in order. The first compiles, unless the program is `compiled`. The
        others run at once where there are slots, unless a failure may keep the next one from running at all."""
        tests, of_problem = planned.request.runs, planned.request.of_problem

        def most_points(test: ProgramTest) -> float | None:
            return None if of_problem else test.points

        async def execute(test: ProgramTest, compiled: StepResult | None = None) -> Execution:
            test = await self._with_data(test, needs_answer=bool(judges))
            if planned.request.passes == 1:
                return await execute_pass(judges, test, compiled)
            return await _run_passes(execute_pass, judges, test, compiled, planned.request.passes)

        async def execute_pass(
            judges: Mapping[JudgeName, CompiledJudge], test: ProgramTest, compiled: StepResult | None
        ) -> Execution:
            compiled = compiled if compiled and compiled.compiled_files else None
            if "interactor" in judges:
                return await self._interact(planned.run(test), compiled, test, judges, most_points(test))
            execution = await self._execute(planned.run(test), compiled, again=len(tests) > 1)
            if "checker" not in judges or execution.verdict is not Verdict.OK:
                return execution
            judgement = await self._check(judges["checker"], test, execution.last.stdout, most_points(test))
            return replace(execution, judgement=judgement)

        first = await execute(tests[0], compiled)
        yield first
        compiled = first.compiled
        if planned.request.stop_at_first_failure:
            for test in tests[1:]:
                yield await execute(test, compiled)
            return
        work = (partial(execute, test, compiled) for test in tests[1:])
        async with aclosing(in_order(work, spare_slot)) as others:
            async for execution in others:
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
        self, checker: CompiledJudge, test: ProgramTest, output: bytes, most_points: float | None
    ) -> Judgement:
        """Let a checker judge the output of a program that ended well."""
        steps = await self._run_with_fallback(checker.planned, checker.check(test, output))
        return checker.read(steps, most_points)

    async def _interact(
        self,
        planned: PlannedRun,
        compiled: StepResult | None,
        test: ProgramTest,
        judges: Mapping[JudgeName, CompiledJudge],
        most_points: float | None,
    ) -> Execution:
        """Run a program while an interactor talks with it, and then the checker if there is one."""
        job = planned.after(compiled) if compiled else planned.job
        interactor = judges["interactor"].for_program(job.steps[0].limits.wall_s)
        since = load.Since(asyncio.get_running_loop())
        talk = interactor.talk(test)
        cold = replace(job, judge=talk)
        warm_talk = replace(talk, job=self._warmed(interactor.planned, talk.job))
        ran, judged = await self._run_with_fallback(
            planned, cold, replace(self._warmed(planned, cold), judge=warm_talk)
        )
        execution = Execution(planned, compiled, ran, since.share() if ran.stopped == "wall" else None)
        judgement = interactor.read_talk(ran, execution.verdict, judged, most_points)
        written = written_for_checker(judged)
        if "checker" in judges and judgement.verdict is Verdict.ACCEPTED and written is not None:
            checked = await self._check(judges["checker"], test, written, most_points)
            judgement = checked.after(judgement)
        return replace(execution, judgement=judgement)

    async def _execute(
        self, planned: PlannedRun, compiled: StepResult | None = None, *, again: bool = False
    ) -> Execution:
        """Run the program, after compiling it unless it is `compiled`. Keep compiled files if it will run `again`."""
        if compiled is None and planned.is_compiled_once:
            key = self._key(planned)
            async with self._cache.once(key) as known:
                compiled = known or await self._compiled_by_shared(planned, key)
                if compiled is None:
                    kept = max(_COMPILED_BYTES if again else 0, self._cache.largest if key else 0)
                    share = partial(self._cache.share, key)
                    execution = await self._run(planned, replace(planned.job, compiled_bytes=kept, on_compiled=share))
                    if execution.compiled:
                        share(execution.compiled)
                    return execution
        if compiled and not compiled.succeeded:
            return Execution(planned, compiled, None)
        return await self._run(planned, planned.after(compiled) if compiled else planned.job, compiled)

    async def _run(self, planned: PlannedRun, job: Job, compiled: StepResult | None = None) -> Execution:
        """Run a job. It compiles first, unless the program is `compiled`."""
        # It reads the load at the loop's next turn, so a program whose box is ready starts without waiting for that.
        since = load.Since(asyncio.get_running_loop())
        steps = await self._run_with_fallback(planned, job)
        ran = steps[-1] if len(steps) == len(job.steps) else None
        if len(job.steps) > 1:
            compiled = steps[0]
        # Only elapsed time depends on the load. What uses up its CPU time does so on any machine.
        pressure = since.share() if steps[-1].stopped == "wall" else None
        return Execution(planned, compiled, ran, pressure)

    def _key(self, planned: PlannedRun) -> bytes | None:
        """Return the key of how the program compiles; None if others may not have that."""
        if self._cache.largest == 0 or not planned.is_compiled_once:
            return None
        return key_of(planned.job, identity(planned.installed))

    async def _compiled_by_shared(self, planned: PlannedRun, key: bytes | None) -> StepResult | None:
        """Return the answer of the language's shared compiler, or None if it has none.

        It is not cached: the shared compiler has read other senders' sources, so its compiled files are trusted less.
        """
        if not planned.is_compiled_once:
            return None
        step, program = planned.job.steps[0], planned.program
        compiler = self._warm.compiler(planned.installed) if self._warm and program.is_plain else None
        if compiler is None or not shared_compiler.suffice(step.limits):
            return None
        compiled = await compiler.compile(program.names.source, program.source, step.output_bytes)
        if compiled is None or (compiled.truncated and step.stop_on_overflow):
            return None
        if not step.merge_output:
            turns, cut = (0, len(compiled.stdout)), ("stderr",) if compiled.cut else ()
            compiled = replace(compiled, stdout=b"", stderr=compiled.stdout, turns=turns, cut=cut)
        self._cache.share(key, compiled, keep=False)
        return compiled

    def _warmed(self, planned: PlannedRun, job: Job) -> Job:
        """Return the job for a warm box, if there is one."""
        return self._warm.place(job, planned.program, planned.installed) if self._warm else job

    async def _run_with_fallback(self, planned: PlannedRun, job: Job, warm: Job | None = None) -> list[StepResult]:
        """Run the job, in a warm box if there is one. Run it again without a speed-up that may have made it fail."""
        installed = planned.installed
        warm = warm or self._warmed(planned, job)
        try:
            steps = await self._sandbox.run(warm)
        except SandboxFailure as exc:
            if warm == job:
                raise
            log.warning("warm.failed", reason=str(exc))
            steps = await self._sandbox.run(job)
        rejected = len(steps) < len(job.steps)
        if rejected and self._rejected_with_precompiled_header(steps[-1], job, installed):
            unaided = replace(planned.without_headers().job, compiled_bytes=job.compiled_bytes)
            steps = await self._sandbox.run(unaided)
            if len(steps) == len(job.steps):
                log.warning("header.rejected_a_program", language=installed.code)
        return steps

    def _rejected_with_precompiled_header(self, compiled: StepResult, job: Job, installed: Installed) -> bool:
        """True if the compiler rejected a source that may use a precompiled header.

        GCC rejects some valid programs that use one (ADR 17), so the caller compiles the source again without it.
        """
        headers = installed.headers if self._settings.tuning.precompile_headers else None
        if headers is None or compiled.succeeded or compiled.stopped is not None:
            return False
        return any(name.encode() in file.content for name in headers.names for file in job.files.values())


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


def _kept(compiled: StepResult, job: Job) -> StepResult:
    """Return how a compiler ended whose program talks with another one. It failed if its files cannot be kept, because
    both programs begin together."""
    if not compiled.succeeded or len(job.steps) == 1:
        return compiled
    message = f"The compiled files are more than {_COMPILED_BYTES // MIB} MiB or {MAX_COMPILED_FILES} files."
    return replace(compiled, exit_code=1, stdout=message.encode())
