"""Sets up the speed-ups of each language that work on this host, and chooses among them for a job.

A runtime is used once it has proved itself with the language's reference program. Otherwise the language stays cold.
Python's is set up at the start, since it takes little memory. The others are set up when their language is first
requested, since not every executor is used for every language. That program starts cold.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from executor import languages
from executor.catalogue.installed import Installed
from executor.languages.base import ForkedRuntime
from executor.languages.program import ProgramSources, shadows
from executor.sandbox.base import Job, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import prebuilt
from executor.warm.imports import imports_first, slow_modules
from executor.warm.runtimes import WarmRuntime
from executor.warm.shared_compiler import SharedCompiler
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: The language whose speed-ups are set up at the start. A waiting Node takes 42 MiB (ADR 38).
_AT_START: Final = "py"
#: How often speed-ups are set up if that fails. The machine may have been too busy with programs.
_TRIES: Final = 3


def kinds_of_boxes() -> int:
    """Return how many kinds of boxes may be kept ready: cold ones, and those of each runtime."""
    runtimes = (language.run.warm for language in languages.known().values())
    return 1 + sum(1 + bool(warm.imports) for warm in runtimes if warm)


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
        self._shared: dict[str, SharedCompiler] = {}
        self._set_ups: dict[str, asyncio.Task[None]] = {}
        self._failures = Counter[str]()
        for candidate in installed:
            if candidate.language.code == _AT_START:
                self._start_set_up(candidate)

    def place(self, job: Job, program: ProgramSources, installed: Installed) -> Job:
        """Return the job for a box with a warm runtime, or unchanged if there is none for it."""
        self._start_set_up(installed)
        # A runtime that has started has its environment and its options already.
        if job.step.environment != installed.environment or program.interpreter_args:
            return job
        # A runtime that has started has loaded modules of its own.
        runtime = None if shadows(program, installed.reserved) else self._runtime(program, installed)
        return runtime.place(job) if runtime else job

    def _runtime(self, program: ProgramSources, installed: Installed) -> WarmRuntime | None:
        """Return the runtime with the libraries that the program imports, or else the usual one."""
        code = installed.speedups
        modules = slow_modules(installed)
        if imports_first(program, modules):
            with_libraries = f"{code} with libraries"
            self._start(with_libraries, partial(self._set_up_imports, with_libraries, installed, modules))
            if runtime := self._runtimes.get(with_libraries):
                return runtime
        return self._runtimes.get(code)

    def compiler(self, installed: Installed) -> SharedCompiler | None:
        """Return the shared compiler of the language, if it has one that is set up."""
        self._start_set_up(installed)
        return self._shared.get(installed.speedups)

    async def aclose(self) -> None:
        for task in self._set_ups.values():
            task.cancel()
        await asyncio.gather(*self._set_ups.values(), return_exceptions=True)
        for compiler in self._shared.values():
            await compiler.aclose()

    def _start_set_up(self, installed: Installed) -> None:
        self._start(installed.speedups, partial(self._set_up, installed))

    def _start(self, name: str, set_up: Callable[[], Awaitable[bool]]) -> None:
        if self._settings.warm_boxes and name not in self._set_ups:
            self._set_ups[name] = asyncio.create_task(self._try(name, set_up))

    async def _try(self, name: str, set_up: Callable[[], Awaitable[bool]]) -> None:
        """Set up a speed-up. If that fails, the next program tries again."""
        works = False
        try:
            works = await set_up()
        except SandboxFailure as exc:
            log.warning("warm.left_out", runtime=name, reason=str(exc))
        if not works:
            self._failures[name] += 1
            if self._failures[name] < _TRIES:
                del self._set_ups[name]

    async def _set_up(self, installed: Installed) -> bool:
        if not await prebuilt.make(self._sandbox, installed, self._folder):
            return False
        if installed.speedups != installed.language.code:  # one of several toolchains takes no memory while it waits
            return True
        self._set_up_shared_compiler(installed)
        if warm := installed.language.run.warm:
            await self._set_up_runtime(installed.language.code, installed, warm)
        return True

    async def _set_up_imports(self, name: str, installed: Installed, modules: tuple[str, ...]) -> bool:
        warm = installed.language.run.warm
        assert warm
        await self._set_up_runtime(name, installed, replace(warm, command=(*warm.command, *modules)))
        return True

    def _set_up_shared_compiler(self, installed: Installed) -> None:
        compile_, environment = installed.language.compile, installed.environment
        if compile_ and compile_.shared and installed.language.code not in self._shared:
            argv = installed.command(compile_.shared)
            idle_s = self._settings.tuning.warm_idle_s
            self._shared[installed.language.code] = SharedCompiler(self._sandbox.run, argv, environment, idle_s)

    async def _set_up_runtime(self, name: str, installed: Installed, warm: ForkedRuntime) -> None:
        runtime = WarmRuntime(installed, warm, self._settings)
        await runtime.check(self._sandbox)
        self._runtimes[name] = runtime
        self._sandbox.keep_ready(runtime.template, self._settings.warm_boxes, self._settings.tuning.warm_idle_s)
