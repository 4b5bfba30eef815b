"""Runs a program, from its files to a verdict: compiles it, and runs it in boxes.

    RunRequest ─────┐
                    ├─> Program, Run ──> Job (files, steps) ──> Sandbox.run ──> [StepResult, ...] ──> RunResult
    ProgramRequest ─┘                                                                                 or events

The first run compiles in its own box, before the program starts. The compile step is left out if the artefacts are
known already, as they are for further tests. If the program fails, that is a result; if the sandbox fails, that is an
exception (`SandboxFailure`).
"""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from executor import limits, load, verdict
from executor.catalogue import Commands, Installed
from executor.compile_cache import CompileCache, key_of
from executor.in_order import SpareSlot, in_order
from executor.languages.program import Program
from executor.limits import RunLimits
from executor.sandbox.base import File, Job, OutLimits, Ready, Sandbox, SandboxFailure, Step, StepResult, Template
from executor.settings import MIB, ExecutorSettings
from executor.warm import shared_compiler
from executor.warm.warm import Warm
from shared.engine import checker
from shared.engine.codex import RunRequest, Verdict
from shared.engine.run_call import (
    GOOD_VERDICTS,
    MAX_ARTIFACTS,
    Artifact,
    Checker,
    Compiled,
    LeftOut,
    ProgramLimits,
    ProgramRequest,
    ProgramTest,
    Stop,
    TestEnded,
)
from shared.service.logging import get_logger
from shared.text.source_paths import is_file_name

log = get_logger(__name__)

#: Bytes that are kept of a compiler's diagnostics. The rest is read and dropped.
_DIAGNOSTICS_BYTES = 65536
#: Bytes of artefacts that are kept for the further tests of a program. If it has more, each test compiles it.
_ARTEFACT_BYTES = 64 * MIB
#: Bytes that are sent of all outputs of a program's tests. What comes later is cut, after it has been compared.
_MOST_OUTPUT_BYTES = 16 * MIB
#: Bytes of an output that is compared in a thread, because that takes more than some milliseconds.
_LONG_COMPARISON = 65536


@dataclass(frozen=True)
class Run:
    """The input, arguments and limits of one run, and the options of its steps (`ProgramRequest`)."""

    stdin: bytes
    args: tuple[str, ...]
    limits: RunLimits
    environment: Mapping[str, str] = field(default_factory=dict)
    compile_limits: ProgramLimits = field(default_factory=ProgramLimits)
    output_order: bool = False
    merge_output: bool = False
    stack_bytes: int | None = None
    file_bytes: int | None = None
    artifacts: bool = False


@dataclass(frozen=True)
class RunResult:
    """How the program ended, or the compiler if it rejected the source. Times are in seconds."""

    commands: Commands
    verdict: Verdict
    output: str
    error: str
    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    memory_bytes: int
    truncated: bool
    cpu_pressure: float | None = None


@dataclass(frozen=True)
class _Execution:
    """How the steps of one run of a program ended. `job` is as it was planned.

    `compiled` is None if the language has no compiler. `ran` is None if the compiler rejected the source.
    """

    job: Job
    compiled: StepResult | None
    ran: StepResult | None
    cpu_pressure: float | None = None

    @property
    def last(self) -> StepResult:
        """How the program ended, or the compiler if it rejected the source."""
        last = self.ran or self.compiled
        assert last
        return last

    @property
    def commands(self) -> Commands:
        *compile_, run = (step.argv for step in self.job.steps)
        return Commands(compile_[0] if compile_ else None, run)


class Pipeline:
    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None = None) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._settings = settings
        self._cache = CompileCache(settings.compile_cache_bytes)

    async def run(self, request: RunRequest, installed: Installed) -> RunResult:
        """Compile and run the program. If this is cancelled, the program is killed."""
        execution = await self._execute(*of_source(request, installed, self._settings), installed)
        result = execution.last
        if execution.ran is None:
            step, how = execution.job.steps[0], Verdict.COMPILE_ERROR
            output, text = "", _decode(result.stdout)
        else:
            step, how = execution.job.steps[-1], verdict.of_run(result, installed.language.run.out_of_memory)
            output, text = _decode(result.stdout), _decode(result.stderr)
        return RunResult(
            commands=execution.commands,
            verdict=how,
            output=output,
            error="\n".join(filter(None, (_reason(how, result, step), text))),
            exit_code=result.exit_code,
            signal=result.signal,
            cpu_s=result.cpu_s,
            wall_s=result.wall_s,
            memory_bytes=result.memory_bytes,
            truncated=result.truncated,
            cpu_pressure=execution.cpu_pressure,
        )

    async def run_tests(
        self, request: ProgramRequest, program: Program, installed: Installed, spare_slot: SpareSlot
    ) -> AsyncGenerator[Compiled | TestEnded]:
        """Compile the request's `program` once, run its tests, and yield in order how each ended.

        Raises `SandboxFailure` if the sandbox fails. If this is cancelled, the program is killed.
        """
        room = _MOST_OUTPUT_BYTES
        number = 0
        async with aclosing(self._executions(request, program, installed, spare_slot)) as executions:
            async for execution in executions:
                number += 1
                if number == 1 and execution.compiled:
                    yield _compiled_event(execution.compiled, execution)
                    if execution.ran is None:
                        return
                test = request.runs[number - 1]
                event = await _test_event(number, test, request.checker, execution, installed, room)
                room -= min(room, len(execution.last.stdout) + len(execution.last.stderr))
                yield event
                if request.stop_at_first_failure and event.verdict not in GOOD_VERDICTS:
                    return

    async def compile(
        self, request: ProgramRequest, program: Program, installed: Installed
    ) -> tuple[StepResult | None, Job]:
        """Compile a program. Return how the compiler ended (None if there is none), and the job that runs the program.

        The job compiles again if there are too many artefacts. So does a script that builds: it may do more than make
        files.
        """
        if installed.headers:
            installed = installed.without_headers()
        planned = plan(
            program, _run_of(request.tests[0], request, installed, self._settings), installed, self._settings
        )
        if len(planned.steps) == 1:
            return None, planned
        key, compiled = await self._compiled(planned, program, installed)
        if compiled is None:
            only = replace(planned, steps=planned.steps[:1], artefact_bytes=_ARTEFACT_BYTES)
            (compiled,) = await self._sandbox.run(only)
            self._keep(key, compiled)
        is_kept = compiled.artefacts and program.build is None
        return compiled, _without_compile_step(planned, compiled) if is_kept else planned

    async def run_job(self, job: Job) -> StepResult:
        """Run a job, and return how it ended: its last step, or the compiler if that rejected the program this time."""
        return (await self._sandbox.run(job))[-1]

    async def _executions(
        self, request: ProgramRequest, program: Program, installed: Installed, spare_slot: SpareSlot
    ) -> AsyncGenerator[_Execution]:
        """Run the tests, and yield their executions in order. The first compiles, and the others run at once where
        there are slots, unless a failure may keep the next one from running at all."""

        async def execute(test: ProgramTest, compiled: StepResult | None = None) -> _Execution:
            run = _run_of(test, request, installed, self._settings)
            return await self._execute(program, run, installed, compiled, again=len(request.runs) > 1)

        first = await execute(request.runs[0])
        yield first
        compiled = first.compiled if first.compiled and first.compiled.artefacts else None
        if request.stop_at_first_failure:
            for test in request.runs[1:]:
                yield await execute(test, compiled)
            return
        work = (partial(execute, test, compiled) for test in request.runs[1:])
        async with aclosing(in_order(work, spare_slot)) as others:
            async for execution in others:
                yield execution

    async def _execute(
        self,
        program: Program,
        run: Run,
        installed: Installed,
        compiled: StepResult | None = None,
        *,
        again: bool = False,
    ) -> _Execution:
        """Run the program, after compiling it unless it is `compiled`. Keep its artefacts if it will run `again`."""
        planned = job = plan(program, run, installed, self._settings)
        key = None
        if len(planned.steps) > 1:
            if compiled is None:
                key, compiled = await self._compiled(planned, program, installed)
            if compiled and not compiled.succeeded:
                return _Execution(planned, compiled, None)
            if compiled:
                job = _without_compile_step(planned, compiled)
            else:
                # A script may do more than make files, so it runs again before each run.
                kept = _ARTEFACT_BYTES if again and program.build is None else 0
                job = replace(planned, artefact_bytes=max(kept, self._cache.largest if key else 0))
        # It reads the load at the loop's next turn, so a program whose box is ready starts without waiting for that.
        since = load.Since(asyncio.get_running_loop())
        steps = await self._run_with_fallback(job, program, run, installed)
        ran = steps[-1] if len(steps) == len(job.steps) else None
        if len(job.steps) > 1:
            compiled = steps[0]
            self._keep(key, compiled)
        # Only elapsed time depends on the load. What uses up its CPU time does so on any machine.
        pressure = since.share() if steps[-1].stopped == "wall" else None
        return _Execution(planned, compiled, ran, pressure)

    async def _compiled(
        self, job: Job, program: Program, installed: Installed
    ) -> tuple[bytes | None, StepResult | None]:
        """Return how the program compiles, from the cache or by a shared compiler: None if its box must find that out.
        The first value is the key under which that may be kept. A script may do more than make files, so it runs."""
        if program.build is not None:
            return None, None
        key = key_of(job, installed.identity) if self._cache.largest else None
        known = self._cache.get(key) if key else None
        return key, known or await self._compiled_by_shared(job, program, installed)

    def _keep(self, key: bytes | None, compiled: StepResult) -> None:
        if key and 0 < _bytes_of(compiled) <= self._cache.largest:
            self._cache.put(key, compiled)

    async def _compiled_by_shared(self, job: Job, program: Program, installed: Installed) -> StepResult | None:
        """Return the answer of the language's shared compiler, or None if it has none.

        It is not cached: the shared compiler has read other senders' sources, so its artefacts are trusted less.
        """
        step = job.steps[0]
        compiler = self._warm.compiler(installed) if self._warm and program.is_plain else None
        if compiler is None or not shared_compiler.suffice(step.limits):
            return None
        compiled = await compiler.compile(program.names.source, program.source, step.output_bytes)
        if compiled is None or (compiled.truncated and step.stop_on_overflow):
            return None
        if step.merge_output:
            return compiled
        return replace(compiled, stdout=b"", stderr=compiled.stdout, turns=(0, len(compiled.stdout)))

    async def _run_with_fallback(self, job: Job, program: Program, run: Run, installed: Installed) -> list[StepResult]:
        """Run the job, in a warm box if there is one. Run it again without a speed-up that may have made it fail."""
        warm = self._warm.place(job, program, installed) if self._warm else job
        try:
            results = await self._sandbox.run(warm)
        except SandboxFailure as exc:
            if warm is job:
                raise
            log.warning("warm.failed", reason=str(exc))
            results = await self._sandbox.run(job)
        if self._rejected_with_precompiled_header(results, job, installed):
            unaided = plan(program, run, installed.without_headers(), self._settings)
            results = await self._sandbox.run(replace(unaided, artefact_bytes=job.artefact_bytes))
            if len(results) == len(job.steps):
                log.warning("header.rejected_a_program", language=installed.code)
        return results

    def _rejected_with_precompiled_header(self, results: list[StepResult], job: Job, installed: Installed) -> bool:
        """True if the compiler rejected a source that may use a precompiled header.

        GCC rejects some valid programs that use one (ADR 17), so the caller compiles the source again without it.
        """
        headers = installed.headers if self._settings.tuning.precompile_headers else None
        if headers is None or len(results) == len(job.steps) or results[-1].stopped is not None:
            return False
        return any(name.encode() in file.content for name in headers.names for file in job.files.values())


def of_source(request: RunRequest, installed: Installed, settings: ExecutorSettings) -> tuple[Program, Run]:
    """Return the program of a CodeX request, and its only run. Pure."""
    fitted = limits.of_language(settings, installed.language.needs)
    return installed.program(request), Run(request.input.encode(), (), limits.of_source(request, fitted))


def _run_of(test: ProgramTest, request: ProgramRequest, installed: Installed, settings: ExecutorSettings) -> Run:
    asked = test.limits.over(request.limits)
    return Run(
        test.input(),
        test.args,
        limits.of_test(asked, limits.of_language(settings, installed.language.needs)),
        environment=request.environment,
        compile_limits=request.compile_limits,
        output_order=request.output_order,
        merge_output=request.merge_output,
        stack_bytes=request.stack_bytes,
        file_bytes=request.file_bytes,
        artifacts=request.artifacts,
    )


def plan(program: Program, run: Run, installed: Installed, settings: ExecutorSettings) -> Job:
    """Return the files and steps of one run. Pure."""
    commands = installed.commands(program, run.limits.memory_bytes)
    environment = {**installed.environment, **run.environment}
    steps = []
    if commands.compile:
        steps.append(
            Step(
                argv=commands.compile,
                environment=environment,
                limits=limits.of_compilation(settings, run.compile_limits),
                output_bytes=min(run.compile_limits.output_bytes or _DIAGNOSTICS_BYTES, settings.max_output_bytes),
                merge_output=not run.output_order,
                stop_on_overflow=run.compile_limits.output_bytes is not None,
                report_order=run.output_order,
                shortcut=installed.shortcut_for(program.names.source) if program.is_plain else None,
            )
        )
    steps.append(
        Step(
            argv=(*commands.run, *run.args),
            environment=environment,
            limits=limits.of_run(
                run.limits,
                settings,
                installed.language.run.extra_memory,
                stack_bytes=min(filter(None, (run.stack_bytes, installed.language.run.stack_bytes)), default=None),
                file_bytes=run.file_bytes,
            ),
            output_bytes=run.limits.output_bytes,
            stdin=run.stdin,
            merge_output=run.merge_output,
            report_order=run.output_order,
        )
    )
    files = {path: File(content) for path, content in program.files.items()}
    wants_artifacts = run.artifacts and settings.artifact_bytes > 0
    out_limits = OutLimits(MAX_ARTIFACTS, settings.artifact_bytes) if wants_artifacts else None
    return Job(files, tuple(steps), cold_box(settings), out_limits=out_limits)


def _without_compile_step(job: Job, compiled: StepResult) -> Job:
    return replace(job, files={**job.files, **compiled.artefacts}, steps=job.steps[1:])


def _bytes_of(compiled: StepResult) -> int:
    return sum(len(file.content) for file in compiled.artefacts.values())


def cold_box(settings: ExecutorSettings) -> Template:
    """Return the template of a cold box: nothing in it has started ahead of time. Pure."""
    return Template(settings.max_disk_bytes, limits.of_run(limits.default_limits(settings), settings))


def boxes_to_keep(settings: ExecutorSettings) -> Ready:
    """Return how many cold boxes the sandbox makes ahead of need. Pure."""
    return Ready(cold_box(settings), settings.warm_boxes, settings.tuning.warm_idle_s)


def _reason(how: Verdict, result: StepResult, step: Step) -> str:
    """Return a sentence on why the step failed, or "" if it succeeded or its own message says more."""
    reason = verdict.explain(result, step.limits, step.output_bytes)
    if how is Verdict.COMPILE_ERROR:
        reason, message = f"Compilation: {reason}" if result.stopped else "", result.stdout
    else:
        message = result.stderr
        if how is Verdict.RUNTIME_ERROR and message.strip() and result.signal is None:
            reason = ""
    return reason or ("" if message or how in GOOD_VERDICTS else f"{how.value}.")


def _compiled_event(result: StepResult, execution: _Execution) -> Compiled:
    step, rejected = execution.job.steps[0], execution.ran is None
    return Compiled(
        verdict=Verdict.COMPILE_ERROR if rejected else None,
        error=_reason(Verdict.COMPILE_ERROR, result, step) if rejected else "",
        output=_decode(result.stdout),
        truncated=result.truncated,
        cpu_s=round(result.cpu_s, 6),
        wall_s=round(result.wall_s, 6),
        memory_bytes=result.memory_bytes,
        exit_code=result.exit_code,
        signal=result.signal,
        stopped=stop_of(result),
        cut=sorted(result.cut, reverse=True),
        stderr=_decode(result.stderr) if step.report_order else None,
        order=_order_of(result) if step.report_order else None,
        cpu_pressure=execution.cpu_pressure if rejected else None,
    )


async def _test_event(
    number: int, test: ProgramTest, own: Checker, execution: _Execution, installed: Installed, room: int
) -> TestEnded:
    """Return how the test ended. At most `room` bytes of its outputs are sent.

    Programs whose artefacts are too large to keep are compiled for each test, and a source may depend on the time. If
    the compiler rejects it this time, that is the test's verdict, and the diagnostics are its standard error.
    """
    if execution.ran is None:
        compiled = execution.last
        step, how = execution.job.steps[0], Verdict.COMPILE_ERROR
        cut = ("stderr",) if compiled.truncated else ()
        ran = replace(compiled, stdout=b"", stderr=compiled.stdout + compiled.stderr, cut=cut, turns=())
        reason = _reason(how, compiled, step)
    else:
        ran, step = execution.ran, execution.job.steps[-1]
        how = verdict.of_run(ran, installed.language.run.out_of_memory)
        reason = _reason(how, ran, step)
    if how is Verdict.INTERNAL_ERROR:
        raise SandboxFailure(f"the program was stopped: {ran.stopped}")
    diff = None
    if how is Verdict.OK and (expected := test.expected()) is not None:
        diff = await _compare(ran.stdout, expected, own)
        how = Verdict.ACCEPTED if diff is None else Verdict.WRONG_ANSWER
    stdout = ran.stdout[:room]
    stderr = ran.stderr[: room - len(stdout)]
    artifacts, left_out = _artifacts_of(ran)
    names = {*ran.cut, *(["stdout"] if stdout != ran.stdout else []), *(["stderr"] if stderr != ran.stderr else [])}
    return TestEnded(
        number=number,
        verdict=how,
        error=reason,
        stdout=_decode(stdout),
        stderr=_decode(stderr),
        stdout_bytes=_unless_text(stdout),
        stderr_bytes=_unless_text(stderr),
        diff=diff,
        truncated=sorted(names, reverse=True),
        exit_code=ran.exit_code,
        signal=ran.signal,
        cpu_s=round(ran.cpu_s, 6),
        wall_s=round(ran.wall_s, 6),
        memory_bytes=ran.memory_bytes,
        cpu_pressure=execution.cpu_pressure,
        stopped=stop_of(ran),
        order=_order_of(ran) if step.report_order else None,
        artifacts=artifacts if execution.job.out_limits else None,
        artifacts_left_out=left_out,
    )


def _artifacts_of(ran: StepResult) -> tuple[list[Artifact], dict[LeftOut, int]]:
    """Return the files that the program wrote to `out/`, and how many entries of it are left out for each reason."""
    if ran.stopped is not None:  # it may have ended, and been collected, just before it was stopped
        return [], {}
    named, left_out = ran.out_folder.files, ran.out_folder.left_out
    files = [Artifact(name=name, content=content) for name, content in named.items() if is_file_name(name)]
    bad_names = len(named) - len(files)
    return files, {**left_out, LeftOut.BAD_NAME: bad_names} if bad_names else left_out


def stop_of(result: StepResult) -> Stop | None:
    """Return the limit that ended a step; None if no limit did."""
    return next((stop for stop in Stop if stop == result.stopped), None)


def _order_of(result: StepResult) -> list[int]:
    """Return the number of characters in each turn of both outputs. The last byte of a character decides its turn."""
    outputs, decoders = (result.stdout, result.stderr), [codecs.getincrementaldecoder("utf-8")("replace") for _ in "oe"]
    positions, order = [0, 0], []
    for turn, size in enumerate(result.turns):
        which = turn % 2
        start = positions[which]
        positions[which] += size
        order.append(len(decoders[which].decode(outputs[which][start : start + size])))
    return order


async def _compare(output: bytes, expected: bytes, own: Checker) -> str | None:
    if max(len(output), len(expected)) <= _LONG_COMPARISON:
        return checker.compare(output, expected, own)
    return await asyncio.to_thread(checker.compare, output, expected, own)


def _unless_text(output: bytes) -> bytes | None:
    """Return None if the output is UTF-8, and otherwise the output."""
    try:
        output.decode()
    except UnicodeDecodeError:
        return output
    return None


def _decode(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")
