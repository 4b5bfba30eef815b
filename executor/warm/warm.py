"""Warm runtimes, which have started before their program comes, and the choice between all speed-ups for a job.

    a request in a language with a warm runtime ──> the runtime's template, once it has proved itself; else a cold box

The first program that a warm runtime runs is the language's reference program. If that fails, the language stays cold.
Runtimes that need no prebuilt files start at once. The others are set up when their language is first requested, since
not every executor is used for every language.

Gain: the start of the runtime, which is 50 of the 60 ms of a greeting in Java (ADR 17). Python (ADR 71) and Node (ADR
73) are forked, and so also save the CPU time of a start.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from executor import limits
from executor.catalogue import Installed
from executor.languages.base import Forked, Stub
from executor.sandbox.base import File, Job, Ready, SandboxFailure, Step, StepResult, Template, Zygote
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import MIB, ExecutorSettings
from executor.warm import prebuilt
from executor.warm.forked_compiler import ForkedCompiler
from executor.warm.shared_compiler import SharedCompiler
from shared.codex import RunRequest
from shared.logging import get_logger

log = get_logger(__name__)

#: The output of a reference program, and the artefacts of one, have up to so many bytes.
_PROOF_BYTES = MIB


class Warm:
    """The speed-ups that work on this host. `folder` is where `prebuilt` stores its files, as a path on the host."""

    def __init__(
        self,
        sandbox: BubblewrapSandbox,
        settings: ExecutorSettings,
        installed: Iterable[Installed],
        folder: Path | None,
    ) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._folder = folder
        self._runtimes: dict[str, Template] = {}
        self._shared: dict[str, SharedCompiler] = {}
        self._forked: dict[str, ForkedCompiler] = {}
        self._set_ups: dict[str, asyncio.Task[None]] = {}
        for each in installed:
            if not each.language.prebuilt:
                self._start_set_up(each)

    def place(self, job: Job, request: RunRequest, installed: Installed) -> Job:
        """Return the job for a box with a warm runtime or compiler, or unchanged if its first step has none."""
        self._start_set_up(installed)
        code = installed.language.code
        if len(job.steps) > 1:
            forked = self._forked.get(code)
            return replace(job, template=forked.box(request.code)) if forked else job
        template = self._runtimes.get(code)
        if template is None or not self._has_usual_heap(request, installed):
            return job
        return replace(job, steps=(_warm_step(job.steps[0], request.code, installed),), template=template)

    def compiler(self, installed: Installed) -> SharedCompiler | None:
        """Return the shared compiler of the language, if it has one that is set up."""
        self._start_set_up(installed)
        return self._shared.get(installed.language.code)

    async def aclose(self) -> None:
        for task in self._set_ups.values():
            task.cancel()
        await asyncio.gather(*self._set_ups.values(), return_exceptions=True)
        for compiler in self._shared.values():
            await compiler.aclose()

    def _has_usual_heap(self, request: RunRequest, installed: Installed) -> bool:
        """False if the request's memory limit is not the one that a warm runtime got when it started."""
        if not any("{memory_mib}" in word for word in installed.language.run.words):
            return True
        return limits.memory_of(request, self._settings) == limits.memory_of(limits.DEFAULT_REQUEST, self._settings)

    def _start_set_up(self, installed: Installed) -> None:
        """Set up the language's speed-ups in the background, once."""
        code, compile_ = installed.language.code, installed.language.compile
        if code in self._set_ups or not self._settings.executor_warm:
            return
        if installed.language.run.warm or (compile_ and (compile_.shared or (compile_.forked and installed.shortcut))):
            self._set_ups[code] = asyncio.create_task(self._set_up(installed))

    async def _set_up(self, installed: Installed) -> None:
        if not await prebuilt.make(self._sandbox, installed, self._folder):
            return
        try:
            self._set_up_shared_compiler(installed)
            await self._set_up_forked_compiler(installed)
            await self._set_up_runtime(installed)
        except SandboxFailure as exc:
            log.warning("warm.left_out", language=installed.language.code, reason=str(exc))

    def _set_up_shared_compiler(self, installed: Installed) -> None:
        compile_, environment = installed.language.compile, installed.environment
        if compile_ and compile_.shared:
            argv = installed.command(compile_.shared, runtime=prebuilt.folder_of(installed))
            idle_s = self._settings.executor_warm_idle
            self._shared[installed.language.code] = SharedCompiler(self._sandbox.attend, argv, environment, idle_s)

    async def _set_up_forked_compiler(self, installed: Installed) -> None:
        compile_ = installed.language.compile
        if compile_ and compile_.forked and installed.shortcut:
            forked = ForkedCompiler(installed, self._settings)
            if reason := await forked.objection(self._sandbox):
                raise SandboxFailure(reason)
            self._forked[installed.language.code] = forked
            self._keep_ready(forked.after_beginning, forked.at_start)

    async def _set_up_runtime(self, installed: Installed) -> None:
        if warm := installed.language.run.warm:
            template = self._template(installed, warm)
            if reason := await self._objection(installed, template):
                raise SandboxFailure(reason)
            self._runtimes[installed.language.code] = template
            self._keep_ready(template)

    def _keep_ready(self, *templates: Template) -> None:
        boxes, idle_s = self._settings.executor_warm_boxes, self._settings.executor_warm_idle
        self._sandbox.keep_ready([Ready(template, boxes, idle_s) for template in templates])

    async def _objection(self, installed: Installed, template: Template) -> str:
        """Return why this template cannot be used; empty if the reference program ran."""
        ended = await self._run_reference(installed, template)
        if ended.succeeded and ended.stdout.decode() == installed.language.reference.output:
            return ""
        return (ended.stderr or ended.stdout).decode(errors="replace") or "it failed without a message"

    async def _run_reference(self, installed: Installed, template: Template) -> StepResult:
        """Run the language's reference program in a box of this template."""
        language, environment = installed.language, installed.environment
        names = language.names_for(language.reference.source)
        files = {names.source: File(language.reference.source.encode())}
        if language.compile:
            argv = installed.command(language.compile.words, source=names.source)
            step = Step(argv, environment, limits.of_compilation(self._settings), _PROOF_BYTES)
            box = Template(self._settings.max_disk_bytes, step.limits)
            (ended,) = await self._sandbox.run(Job(files, (step,), box, artefact_bytes=_PROOF_BYTES))
            files |= ended.artefacts
        argv = self._command(installed, language.run.words, source=names.source, main=names.main)
        most = limits.of_run(limits.DEFAULT_REQUEST, self._settings, language.run.extra_memory)
        step = Step(argv, environment, most, _PROOF_BYTES, stdin=language.reference.input.encode())
        step = _warm_step(step, language.reference.source, installed)
        (ended,) = await self._sandbox.run(Job(files, (step,), template))
        return ended

    def _template(self, installed: Installed, warm: Forked | Stub) -> Template:
        language, settings = installed.language, self._settings
        usual = limits.of_run(limits.DEFAULT_REQUEST, settings, language.run.extra_memory)
        values = {"runtime": prebuilt.folder_of(installed)} if language.prebuilt else {}
        argv = self._command(installed, warm.argv, source=language.names_for("").source, **values)
        if isinstance(warm, Forked):
            return Template(settings.max_disk_bytes, usual, zygote=Zygote(argv, installed.environment))
        # Limits that the kernel enforces cannot be raised later, so a stub gets the highest that a request may ask for.
        most = replace(usual, cpu_s=settings.max_time_limit)
        stub = Step(argv, installed.environment, most, settings.max_output_bytes)
        return Template(settings.max_disk_bytes, most, stub=stub)

    def _command(self, installed: Installed, words: tuple[str, ...], **values: str) -> tuple[str, ...]:
        memory = limits.memory_of(limits.DEFAULT_REQUEST, self._settings)
        return installed.command(words, memory_mib=str(memory // MIB), **values)


def _warm_step(step: Step, source: str, installed: Installed) -> Step:
    """Return the step for a warm runtime. A stub has started already, and gets other words than a command line."""
    warm = installed.language.run.warm
    if not isinstance(warm, Stub):
        return step
    names = installed.language.names_for(source)
    return replace(step, argv=installed.command(warm.words, source=names.source, main=names.main))
