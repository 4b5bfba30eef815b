"""Runtimes that have started before their program comes: which of them there are, and how a job is given to one.

    a request in a language with a zygote or a stub ──> its template, once that has proved itself; until then None

A language's own reference program is the first that runs so, and decides whether any other does. What is there at once
stands ready from the start; what must be made first (`executor.warm.prebuilt`) is made when the language is first asked
for, as not every executor is asked for every language.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from executor import limits
from executor.catalogue import Installed
from executor.sandbox.base import File, Job, Ready, SandboxFailure, Step, StepResult, Template, Zygote
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import prebuilt
from executor.warm.forked_compiler import ForkedCompiler
from executor.warm.shared_compiler import SharedCompiler
from shared.codex import RunRequest
from shared.logging import get_logger

log = get_logger(__name__)

_MIB = 1 << 20
_PROOF_BYTES = _MIB


class Warm:
    """`folder` is where `runtimes` keeps what it makes, on the host."""

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
        self._templates: dict[str, Template] = {}
        self._compilers: dict[str, SharedCompiler] = {}
        self._forked: dict[str, ForkedCompiler] = {}
        self._getting: dict[str, asyncio.Task[None]] = {}
        for each in installed:
            if not each.language.makings:
                self._get(each)

    def place(self, job: Job, request: RunRequest, installed: Installed) -> Job:
        """The same job for a runtime or compiler that waits for it, where there is one and that is what comes first."""
        self._get(installed)
        code = installed.language.code
        if len(job.steps) > 1:
            forked = self._forked.get(code)
            return replace(job, template=forked.box(request.code)) if forked else job
        template = self._templates.get(code)
        if template is None or not self._suits(request, installed):
            return job
        return replace(job, steps=(_told(job.steps[0], request.code, installed),), template=template)

    def compiler(self, installed: Installed) -> SharedCompiler | None:
        self._get(installed)
        return self._compilers.get(installed.language.code)

    async def aclose(self) -> None:
        for task in self._getting.values():
            task.cancel()
        await asyncio.gather(*self._getting.values(), return_exceptions=True)
        for compiler in self._compilers.values():
            await compiler.aclose()

    def _suits(self, request: RunRequest, installed: Installed) -> bool:
        """Some runtimes are told the size of their heap when they start."""
        if not any("{memory_mib}" in word for word in installed.language.run):
            return True
        return limits.memory_of(request, self._settings) == limits.memory_of(limits.NO_WISHES, self._settings)

    def _get(self, installed: Installed) -> None:
        code, language = installed.language.code, installed.language
        waits = language.stub or language.zygote or (language.reads_ahead and installed.shortcut)
        if self._settings.executor_warm and waits and code not in self._getting:
            self._getting[code] = asyncio.create_task(self._set_up(installed))

    async def _set_up(self, installed: Installed) -> None:
        if not await prebuilt.make(self._sandbox, installed, self._folder):
            return
        language = installed.language
        values = {"runtime": prebuilt.folder_of(installed)} if language.makings else {}
        if language.compiler:
            argv = installed.command(language.compiler, **values)
            environment = installed.environment
            idle_s = self._settings.executor_warm_idle
            self._compilers[language.code] = SharedCompiler(self._sandbox.attend, argv, environment, idle_s)
        try:
            if language.reads_ahead:
                await self._set_up_compiler(installed)
            else:
                await self._set_up_runtime(installed, self._template(installed, values))
        except SandboxFailure as exc:
            log.warning("warm.left_out", language=language.code, reason=str(exc))

    async def _set_up_compiler(self, installed: Installed) -> None:
        forked = ForkedCompiler(installed, self._settings)
        if reason := await forked.objection(self._sandbox):
            raise SandboxFailure(reason)
        self._forked[installed.language.code] = forked
        self._keep_ready(forked.after_beginning, forked.at_start)

    async def _set_up_runtime(self, installed: Installed, template: Template) -> None:
        if reason := await self._objection(installed, template):
            raise SandboxFailure(reason)
        self._templates[installed.language.code] = template
        self._keep_ready(template)

    def _keep_ready(self, *templates: Template) -> None:
        boxes, idle_s = self._settings.executor_warm_boxes, self._settings.executor_warm_idle
        self._sandbox.keep_ready([Ready(template, boxes, idle_s) for template in templates])

    async def _objection(self, installed: Installed, template: Template) -> str:
        """What speaks against it; nothing when it has run the language's own program."""
        proved = await self._prove(installed, template)
        if proved.succeeded and proved.stdout.decode() == installed.language.reference.output:
            return ""
        return (proved.stderr or proved.stdout).decode(errors="replace") or "it ended without a word"

    async def _prove(self, installed: Installed, template: Template) -> StepResult:
        """Run the language's own program in such a box, before anybody else's."""
        language, environment = installed.language, installed.environment
        names = language.names_for(language.reference.source)
        files = {names.source: File(language.reference.source.encode())}
        if language.compile:
            argv = installed.command(language.compile, source=names.source)
            step = Step(argv, environment, limits.of_compilation(self._settings), _PROOF_BYTES)
            box = Template(self._settings.max_disk_bytes, step.limits)
            (ended,) = await self._sandbox.run(Job(files, (step,), box, artefact_bytes=_PROOF_BYTES))
            files |= ended.artefacts
        argv = self._command(installed, language.run, source=names.source, main=names.main)
        most = limits.of_run(limits.NO_WISHES, self._settings, language.extra_memory)
        step = Step(argv, environment, most, _PROOF_BYTES, stdin=language.reference.input.encode())
        step = _told(step, language.reference.source, installed)
        (ended,) = await self._sandbox.run(Job(files, (step,), template))
        return ended

    def _template(self, installed: Installed, values: dict[str, str]) -> Template:
        language, settings = installed.language, self._settings
        usual = limits.of_run(limits.NO_WISHES, settings, language.extra_memory)
        values = {"source": language.names_for("").source, **values}
        if language.zygote:
            argv = self._command(installed, language.zygote, **values)
            return Template(settings.max_disk_bytes, usual, zygote=Zygote(argv, installed.environment))
        assert language.stub
        argv = self._command(installed, language.stub.run, **values)
        # Limits that the kernel holds cannot be raised later, so they are those of the most that a request may ask for.
        most = replace(usual, cpu_s=settings.max_time_limit)
        stub = Step(argv, installed.environment, most, settings.max_output_bytes)
        return Template(settings.max_disk_bytes, most, stub=stub)

    def _command(self, installed: Installed, words: tuple[str, ...], **values: str) -> tuple[str, ...]:
        memory = limits.memory_of(limits.NO_WISHES, self._settings)
        return installed.command(words, memory_mib=str(memory // _MIB), **values)


def _told(step: Step, source: str, installed: Installed) -> Step:
    """The step as it is told to what waits: a stub has been started already, and gets words of its own."""
    stub, names = installed.language.stub, installed.language.names_for(source)
    if stub is None:
        return step
    return replace(step, argv=installed.command(stub.words, source=names.source, main=names.main))
