"""Sets up the speed-ups of each language that work on this host, and chooses among them for a job.

A runtime is used once it has proved itself with the language's reference program. Otherwise the language stays cold.
Speed-ups that take little memory and need no prebuilt files are set up at the start. The others
are set up when their language is first requested, since not every executor is used for every language. That program
starts cold.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from executor.catalogue import Installed
from executor.languages.program import Program, shadows
from executor.sandbox.base import Job, Ready, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import prebuilt
from executor.warm.imports import WarmImports
from executor.warm.runtimes import WarmRuntime
from executor.warm.shared_compiler import SharedCompiler
from shared.logging import get_logger

log = get_logger(__name__)

#: The language whose speed-ups are set up at the start. A waiting Node takes 42 MiB (ADR 20).
_AT_START: Final = "py"
#: How often speed-ups are set up if that fails. The machine may have been too busy with programs.
_TRIES: Final = 3


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
        self._runtimes: dict[str, WarmRuntime] = {}
        self._imports: dict[str, WarmImports] = {}
        self._shared: dict[str, SharedCompiler] = {}
        self._set_ups: dict[str, asyncio.Task[None]] = {}
        self._failures = Counter[str]()
        for each in installed:
            if each.language.code == _AT_START:
                self._start_set_up(each)

    def place(self, job: Job, program: Program, installed: Installed) -> Job:
        """Return the job for a box with a warm runtime, or unchanged if there is none for its first step."""
        self._start_set_up(installed)
        code = installed.language.code
        # A runtime that has started has its environment already.
        if len(job.steps) > 1 or job.steps[0].environment != installed.environment:
            return job
        # A runtime that has started has loaded modules of its own.
        runtime = None if shadows(program, installed.reserved) else self._runtime(code, program)
        return runtime.place(job) if runtime else job

    def _runtime(self, code: str, program: Program) -> WarmRuntime | None:
        """Return the runtime with the libraries that the program imports, or else the usual one."""
        imports = self._imports.get(code)
        others = [path for path in program.files if path != program.names.source]
        own = {part.partition(".")[0] for path in others for part in path.split("/")}
        return (imports and imports.runtime(program.source, own)) or self._runtimes.get(code)

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
        for imports in self._imports.values():
            await imports.aclose()

    def _start_set_up(self, installed: Installed) -> None:
        """Set up the language's speed-ups in the background, once. After a failure, the next program tries again."""
        code = installed.language.code
        if self._settings.executor_warm and code not in self._set_ups:
            self._set_ups[code] = asyncio.create_task(self._set_up(installed))

    async def _set_up(self, installed: Installed) -> None:
        code = installed.language.code
        works = False
        try:
            if await prebuilt.make(self._sandbox, installed, self._folder):
                self._set_up_shared_compiler(installed)
                await self._set_up_runtime(installed)
                works = True
        except SandboxFailure as exc:
            log.warning("warm.left_out", language=code, reason=str(exc))
        if not works:
            self._failures[code] += 1
            if self._failures[code] < _TRIES:
                del self._set_ups[code]

    def _set_up_shared_compiler(self, installed: Installed) -> None:
        compile_, environment = installed.language.compile, installed.environment
        if compile_ and compile_.shared and installed.language.code not in self._shared:
            argv = installed.command(compile_.shared)
            idle_s = self._settings.executor_warm_idle
            self._shared[installed.language.code] = SharedCompiler(self._sandbox.run, argv, environment, idle_s)

    async def _set_up_runtime(self, installed: Installed) -> None:
        if warm := installed.language.run.warm:
            runtime = WarmRuntime(installed, warm, self._settings)
            await runtime.check(self._sandbox)
            self._runtimes[installed.language.code] = runtime
            boxes, idle_s = self._settings.executor_warm_boxes, self._settings.executor_warm_idle
            self._sandbox.keep_ready([Ready(runtime.template, boxes, idle_s)])
            if warm.imports:
                imports = WarmImports(self._sandbox, installed, warm, self._settings)
                self._imports[installed.language.code] = imports
