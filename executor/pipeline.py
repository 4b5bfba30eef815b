"""One request from source text to verdict: name the files, compile and run them in one box, tell how it went. What was
compiled before only runs.

    RunRequest ──> Job (files, steps) ──> Sandbox.run ──> [StepResult, ...] ──> Outcome

Their failure is an outcome; ours is an exception (`SandboxFailure`).
"""

import asyncio
from dataclasses import dataclass, replace

from executor import limits, load, verdict
from executor.catalogue import Installed
from executor.compile_cache import CompileCache, key_of
from executor.sandbox.base import File, Job, Ready, Sandbox, SandboxFailure, Step, StepResult, Template
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.codex import RunRequest, Verdict
from shared.logging import get_logger

log = get_logger(__name__)

#: Of a compiler's diagnostics; the rest is read and dropped.
_DIAGNOSTICS_BYTES = 65536


@dataclass(frozen=True)
class Outcome:
    """What the client is told. Times in seconds; of the program, or of the compiler when it got no further."""

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
        self._compiled = CompileCache(settings.compile_cache_bytes)

    async def run(self, request: RunRequest, installed: Installed) -> Outcome:
        """Cancelling it ends the program."""
        job = plan(request, installed, self._settings)
        key = key_of(job, installed.identity) if self._compiled.largest and len(job.steps) > 1 else None
        if key and (made := self._compiled.get(key)):
            job = replace(job, files={**job.files, **made}, steps=job.steps[1:])
        elif answer := await self._compile_warm(job, installed):
            if not answer.succeeded:
                return _not_compiled(answer, job.steps[0])
            # Not kept: what many have sent their sources to is not as sure as a compiler alone in its box.
            job = replace(job, files={**job.files, **answer.artefacts}, steps=job.steps[1:])
        elif key:
            job = replace(job, artefact_bytes=self._compiled.largest)
        ready = self._warm.place(job, request, installed) if self._warm else job
        # Once the program has begun, which it does before this task first waits for anything.
        since = load.Since(asyncio.get_running_loop())
        ended = await self._run(ready, job)
        if self._doubts(ended, job, request, installed):
            plainly = plan(request, installed.without_headers(), self._settings)
            ended = await self._sandbox.run(replace(plainly, artefact_bytes=job.artefact_bytes))
        if key and ended and ended[0].succeeded and ended[0].artefacts:
            self._compiled.put(key, ended[0].artefacts)
        if len(ended) < len(job.steps) or not ended:
            return _not_compiled(ended[-1], job.steps[0])
        outcome = _ran(ended[-1], job.steps[-1], installed.language.out_of_memory)
        if ended[-1].stopped == "wall":
            # Evidence about elapsed time: whoever used up its CPU time would have done so on any machine.
            return replace(outcome, cpu_pressure=since.share())
        return outcome

    async def _run(self, ready: Job, anew: Job) -> list[StepResult]:
        """In what stands ready; where that fails, and not the program, as if there were nothing."""
        try:
            return await self._sandbox.run(ready)
        except SandboxFailure as exc:
            if ready is anew:
                raise
            log.warning("warm.failed", reason=str(exc))
            return await self._sandbox.run(anew)

    def _doubts(self, ended: list[StepResult], job: Job, request: RunRequest, installed: Installed) -> bool:
        """Whether a source was refused that may have been compiled with a header made ahead, which makes a compiler say
        and refuse what it otherwise would not (ADR 76)."""
        headers = installed.language.headers if self._settings.precompile_headers else ()
        refused = ended and len(ended) < len(job.steps) and ended[-1].stopped is None
        return bool(refused) and any(header in request.code for header in headers)

    async def _compile_warm(self, job: Job, installed: Installed) -> StepResult | None:
        """By a compiler that has long started, if the language has one, and it has an answer."""
        compiler = self._warm.compiler(installed) if self._warm else None
        if compiler is None or len(job.steps) == 1:
            return None
        ((name, source),) = job.files.items()
        return await compiler.compile(name, source.content, job.steps[0].output_bytes)


def plan(request: RunRequest, installed: Installed, settings: ExecutorSettings) -> Job:
    """The files and commands for a request. Pure."""
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
            limits=limits.of_run(request, settings, language.extra_memory),
            output_bytes=settings.max_output_bytes,
            stdin=request.input.encode(),
        )
    )
    # Only where the tools choke on it: elsewhere the text is what the sender wrote, literals and all.
    code = request.code.replace("\r\n", "\n") if language.strict_line_ends else request.code
    return Job({names.source: File(code.encode())}, tuple(steps), plain(settings))


def plain(settings: ExecutorSettings) -> Template:
    """The box of a program that is started anew. Pure."""
    return Template(settings.max_disk_bytes, limits.of_run(limits.NO_WISHES, settings, extra_memory=0))


def ready(settings: ExecutorSettings) -> list[Ready]:
    """The boxes that are made ahead of need for whatever is started anew. Pure."""
    if not settings.executor_warm:
        return []
    return [Ready(plain(settings), settings.executor_warm_boxes, settings.executor_warm_idle)]


def _not_compiled(ended: StepResult, step: Step) -> Outcome:
    """The compiler said no, or was stopped: both are about the source, whatever limit it was."""
    reason = f"Compilation: {verdict.explain(ended, step.limits, step.output_bytes)}" if ended.stopped else ""
    return _outcome(Verdict.COMPILE_ERROR, ended, output="", error=_join(reason, _decode(ended.stdout)))


def _ran(ended: StepResult, step: Step, out_of_memory: bytes | None) -> Outcome:
    how = verdict.of_run(ended, out_of_memory)
    stderr = _decode(ended.stderr)
    reason = verdict.explain(ended, step.limits, step.output_bytes)
    if how is Verdict.RUNTIME_ERROR and stderr.strip() and ended.signal is None:
        reason = ""  # what the program says itself says more than its exit code
    return _outcome(how, ended, output=_decode(ended.stdout), error=_join(reason, stderr))


def _outcome(how: Verdict, ended: StepResult, *, output: str, error: str) -> Outcome:
    return Outcome(
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
