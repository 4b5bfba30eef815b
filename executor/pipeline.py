"""Runs one request, from source text to verdict: names the files, then compiles and runs them in one box.

    RunRequest ──> Job (files, steps) ──> Sandbox.run ──> [StepResult, ...] ──> RunResult

The compile step is left out if the artefacts are known already. If the program fails, that is a `RunResult`; if the
sandbox fails, that is an exception (`SandboxFailure`).
"""

import asyncio
from dataclasses import dataclass, replace

from executor import limits, load, verdict
from executor.catalogue import Installed
from executor.compile_cache import Artefacts, CompileCache, key_of
from executor.sandbox.base import File, Job, Ready, Sandbox, SandboxFailure, Step, StepResult, Template
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.codex import RunRequest, Verdict
from shared.logging import get_logger

log = get_logger(__name__)

#: Bytes that are kept of a compiler's diagnostics. The rest is read and dropped.
_DIAGNOSTICS_BYTES = 65536


@dataclass(frozen=True)
class RunResult:
    """How the program ended, or the compiler if it rejected the source. Times are in seconds."""

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


class Pipeline:
    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None = None) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._settings = settings
        self._cache = CompileCache(settings.compile_cache_bytes)

    async def run(self, request: RunRequest, installed: Installed) -> RunResult:
        """Compile and run the program. If this is cancelled, the program is killed."""
        job = plan(request, installed, self._settings)
        key = None
        if len(job.steps) > 1:
            key = key_of(job, installed.identity) if self._cache.largest else None
            job, rejection = await self._compile(job, installed, key)
            if rejection:
                return _compile_error(rejection, job.steps[0])
        # It reads the load at the loop's next turn, so a program whose box is ready starts without waiting for that.
        since = load.Since(asyncio.get_running_loop())
        ended = await self._run_with_fallback(job, request, installed)
        if key and ended[0].succeeded and ended[0].artefacts:
            self._cache.put(key, ended[0].artefacts)
        if len(ended) < len(job.steps):
            return _compile_error(ended[-1], job.steps[0])
        result = _program_result(ended[-1], job.steps[-1], installed.language.run.out_of_memory)
        if ended[-1].stopped == "wall":
            # Only elapsed time depends on the load. A program that uses up its CPU time does so on any machine.
            return replace(result, cpu_pressure=since.share())
        return result

    async def _compile(self, job: Job, installed: Installed, key: bytes | None) -> tuple[Job, StepResult | None]:
        """Return the job with its artefacts in place of the compile step, from the cache or from a shared compiler.

        If neither has them, the job still compiles in its box, and returns its artefacts for the cache if there is a
        `key`. The second value is the compiler's result if it rejected the source.
        """
        if key and (artefacts := self._cache.get(key)):
            return _without_compile_step(job, artefacts), None
        if compiler := self._warm.compiler(installed) if self._warm else None:
            ((name, source),) = job.files.items()
            compiled = await compiler.compile(name, source.content, job.steps[0].output_bytes)
            if compiled and not compiled.succeeded:
                return job, compiled
            if compiled:
                # Not cached: the shared compiler has read other senders' sources, so its artefacts are trusted less.
                return _without_compile_step(job, compiled.artefacts), None
        return replace(job, artefact_bytes=self._cache.largest) if key else job, None

    async def _run_with_fallback(self, job: Job, request: RunRequest, installed: Installed) -> list[StepResult]:
        """Run the job, in a warm box if there is one. Run it again without a speed-up that may have made it fail."""
        warm = self._warm.place(job, request, installed) if self._warm else job
        try:
            ended = await self._sandbox.run(warm)
        except SandboxFailure as exc:
            if warm is job:
                raise
            log.warning("warm.failed", reason=str(exc))
            ended = await self._sandbox.run(job)
        if self._rejected_with_precompiled_header(ended, job, request, installed):
            unaided = plan(request, installed.without_headers(), self._settings)
            ended = await self._sandbox.run(replace(unaided, artefact_bytes=job.artefact_bytes))
        return ended

    def _rejected_with_precompiled_header(
        self, ended: list[StepResult], job: Job, request: RunRequest, installed: Installed
    ) -> bool:
        """True if the compiler rejected a source that may use a precompiled header.

        GCC rejects some valid programs that use one (ADR 76), so the caller compiles the source again without it.
        """
        headers = installed.headers if self._settings.precompile_headers else None
        if headers is None or len(ended) == len(job.steps) or ended[-1].stopped is not None:
            return False
        return any(name in request.code for name in headers.names)


def plan(request: RunRequest, installed: Installed, settings: ExecutorSettings) -> Job:
    """Return the files and steps of a request. Pure."""
    language = installed.language
    names = installed.names_for(request)
    commands = installed.commands(names, limits.memory_of(request, settings))
    steps = []
    if commands.compile:
        steps.append(
            Step(
                argv=commands.compile,
                environment=installed.environment,
                limits=limits.of_compilation(settings),
                output_bytes=_DIAGNOSTICS_BYTES,
                merge_output=True,
                stop_on_overflow=False,
                shortcut=installed.shortcut_for(names.source),
            )
        )
    steps.append(
        Step(
            argv=commands.run,
            environment=installed.environment,
            limits=limits.of_run(request, settings, language.run.extra_memory),
            output_bytes=settings.max_output_bytes,
            stdin=request.input.encode(),
        )
    )
    # Other tools get the text as the sender wrote it, since a string literal may contain line ends.
    code = request.code.replace("\r\n", "\n") if language.source_file.unix_line_ends else request.code
    return Job({names.source: File(code.encode())}, tuple(steps), cold_box(settings))


def _without_compile_step(job: Job, artefacts: Artefacts) -> Job:
    return replace(job, files={**job.files, **artefacts}, steps=job.steps[1:])


def cold_box(settings: ExecutorSettings) -> Template:
    """Return the template of a cold box: nothing in it has started ahead of time. Pure."""
    return Template(settings.max_disk_bytes, limits.of_run(limits.DEFAULT_REQUEST, settings, extra_memory=0))


def boxes_to_keep(settings: ExecutorSettings) -> list[Ready]:
    """Return how many cold boxes the sandbox makes ahead of need. Pure."""
    if not settings.executor_warm:
        return []
    return [Ready(cold_box(settings), settings.executor_warm_boxes, settings.executor_warm_idle)]


def _compile_error(ended: StepResult, step: Step) -> RunResult:
    """Return the result of a source that did not compile, also if a limit stopped the compiler."""
    reason = f"Compilation: {verdict.explain(ended, step.limits, step.output_bytes)}" if ended.stopped else ""
    return _result(Verdict.COMPILE_ERROR, ended, output="", error=_join(reason, _decode(ended.stdout)))


def _program_result(ended: StepResult, step: Step, out_of_memory: bytes | None) -> RunResult:
    how = verdict.of_run(ended, out_of_memory)
    stderr = _decode(ended.stderr)
    reason = verdict.explain(ended, step.limits, step.output_bytes)
    if how is Verdict.RUNTIME_ERROR and stderr.strip() and ended.signal is None:
        reason = ""  # the program's own message says more than its exit code
    return _result(how, ended, output=_decode(ended.stdout), error=_join(reason, stderr))


def _result(how: Verdict, ended: StepResult, *, output: str, error: str) -> RunResult:
    return RunResult(
        verdict=how,
        output=output,
        error=error or ("" if how is Verdict.OK else f"{how.value}."),
        exit_code=ended.exit_code,
        signal=ended.signal,
        cpu_s=ended.cpu_s,
        wall_s=ended.wall_s,
        memory_bytes=ended.memory_bytes,
        truncated=ended.truncated,
    )


def _join(reason: str, text: str) -> str:
    return f"{reason}\n{text}" if reason and text else reason or text


def _decode(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")
