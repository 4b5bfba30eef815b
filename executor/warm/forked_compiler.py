"""Compilers started ahead of time and forked for each program.

A third of the time that GCC takes for a small C program is its start, and another third is reading `<stdio.h>`. One
zygote (`sandbox/init/gcc.c`) has done both, for programs that begin with that line. A second one has read nothing, for
all others.

Gain: a small C program takes 0.56 of the bare command's latency instead of 0.73, and 0.74 of its CPU time instead of
0.94 (ADR 75).
"""

from executor import limits
from executor.catalogue import Installed
from executor.sandbox.base import (
    PRELOAD,
    File,
    Job,
    Sandbox,
    SandboxFailure,
    Step,
    StepResult,
    Template,
    Zygote,
    preload_files,
)
from executor.settings import ExecutorSettings

_PLUGIN = "-fplugin=/box/init.so"
_AHEAD = "-fplugin-arg-init-ahead"
#: The file that the compiler has read. Its name is long so that any source's name fits in its place.
_READ = "a_name_with_room_for_any_other_that_a_source_may_have_in_its_place.c"
_MOST_BYTES = 1 << 20


class ForkedCompiler:
    """The two forked compilers of a language, whose `Installed.shortcut` must be known."""

    def __init__(self, installed: Installed, settings: ExecutorSettings) -> None:
        self._installed = installed
        self._cold = Template(settings.max_disk_bytes, limits.of_compilation(settings))
        self._beginning = (preload_files() / _READ).read_bytes()
        self.after_beginning = self._box(_PLUGIN, _AHEAD)
        self.at_start = self._box(_PLUGIN)

    def box(self, source: bytes) -> Template:
        """Return the template of a box that compiles this source."""
        return self.after_beginning if source.startswith(self._beginning) else self.at_start

    async def check(self, sandbox: Sandbox) -> None:
        """Compile the reference program. Raises `SandboxFailure` if the artefacts are not the ordinary compiler's."""
        usual = self._installed.language.names_for("").source
        for name in (usual, f"another.{usual}"):
            expected = await self._compile(sandbox, self._cold, name)
            for box in (self.after_beginning, self.at_start):
                forked = await self._compile(sandbox, box, name)
                if not forked.succeeded:
                    raise SandboxFailure(forked.why_failed)
                if forked.artefacts != expected.artefacts:
                    raise SandboxFailure("its artefacts differ from those of the ordinary compiler")

    def _box(self, *options: str) -> Template:
        shortcut = self._installed.shortcut_for(_READ)
        assert shortcut
        compiler, *_ = shortcut.commands
        argv = ("/usr/bin/env", f"--chdir={PRELOAD}", *compiler, *options)
        return Template(self._cold.disk_bytes, self._cold.limits, zygote=Zygote(argv, self._installed.environment))

    async def _compile(self, sandbox: Sandbox, box: Template, name: str) -> StepResult:
        language = self._installed.language
        assert language.compile
        step = Step(
            self._installed.command(language.compile.words, source=name),
            self._installed.environment,
            box.limits,
            _MOST_BYTES,
            shortcut=self._installed.shortcut_for(name),
            merge_output=True,
        )
        files = {name: File(language.reference.source.encode())}
        (result,) = await sandbox.run(Job(files, (step,), box, artefact_bytes=_MOST_BYTES))
        return result
