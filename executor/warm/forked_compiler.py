"""Compilers that have started before their program comes, and are copied for each.

A third of the time that GCC takes for a small C program is to start, and as much to read `<stdio.h>`. One zygote
(`sandbox/init/gcc.c`) has done both, for programs that begin with that line; another has read nothing, for the others.
"""

from executor import limits
from executor.catalogue import Installed
from executor.sandbox.base import PRELOAD, File, Job, Sandbox, Step, StepResult, Template, Zygote, preload_files
from executor.settings import ExecutorSettings

_PLUGIN = "-fplugin=/box/init.so"
_AHEAD = "-fplugin-arg-init-ahead"
#: What the compiler has read. Its name is long, so the name of any source has room in its place.
_READ = "a_name_with_room_for_any_other_that_a_source_may_have_in_its_place.c"
_MOST_BYTES = 1 << 20


class ForkedCompiler:
    """Of a language whose compiler has a shortcut."""

    def __init__(self, installed: Installed, settings: ExecutorSettings) -> None:
        self._installed = installed
        self._anew = Template(settings.max_disk_bytes, limits.of_compilation(settings))
        self._beginning = (preload_files() / _READ).read_text()
        self.after_beginning = self._box(_PLUGIN, _AHEAD)
        self.at_start = self._box(_PLUGIN)

    def box(self, source: str) -> Template:
        """The box whose first process is to compile it."""
        return self.after_beginning if source.startswith(self._beginning) else self.at_start

    async def objection(self, sandbox: Sandbox) -> str:
        """What speaks against them; nothing when both make of the language's own program what the ordinary compiler
        does, by whatever name. `SandboxFailure` where one cannot be had at all."""
        usual = self._installed.language.names_for("").source
        for name in (usual, f"another.{usual}"):
            anew = await self._compile(sandbox, self._anew, name)
            for box in (self.after_beginning, self.at_start):
                copy = await self._compile(sandbox, box, name)
                if not copy.succeeded:
                    return copy.stdout.decode(errors="replace") or "it ended without a word"
                if copy.artefacts != anew.artefacts:
                    return "it compiles the same source to something else"
        return ""

    def _box(self, *options: str) -> Template:
        shortcut = self._installed.shortcut_for(_READ)
        assert shortcut
        compiler, *_ = shortcut.commands
        argv = ("/usr/bin/env", f"--chdir={PRELOAD}", *compiler, *options)
        return Template(self._anew.disk_bytes, self._anew.limits, zygote=Zygote(argv, self._installed.environment))

    async def _compile(self, sandbox: Sandbox, box: Template, name: str) -> StepResult:
        language = self._installed.language
        assert language.compile
        step = Step(
            self._installed.command(language.compile, source=name),
            self._installed.environment,
            box.limits,
            _MOST_BYTES,
            shortcut=self._installed.shortcut_for(name),
            merge_output=True,
        )
        files = {name: File(language.reference.source.encode())}
        (ended,) = await sandbox.run(Job(files, (step,), box, artefact_bytes=_MOST_BYTES))
        return ended
