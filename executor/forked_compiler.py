"""A compiler that has read how most programs begin, and copies of it that each compile one of these.

Two thirds of the time that GCC takes for a small C program are to start, to read `<stdio.h>` and to fill its tables.
The nursery (`sandbox/init/gcc.c`) has done that. Programs that begin otherwise are compiled as ever.
"""

from functools import cache

from executor import limits
from executor.catalogue import Installed
from executor.sandbox import wall
from executor.sandbox.base import Ended, File, Job, Sandbox, Step, Template
from executor.sandbox.keeper.protocol import Nursery
from executor.settings import ExecutorSettings

_PLUGIN = "-fplugin=/box/init.so"
_MOST_BYTES = 1 << 20


def template(installed: Installed, settings: ExecutorSettings) -> Template:
    """The box whose first process is to compile; `installed` has a shortcut."""
    assert installed.shortcut
    compiler, *_ = installed.shortcut.commands
    argv = ("/usr/bin/env", f"--chdir={wall.STUBS}", *compiler, _PLUGIN)
    usual = limits.of_compilation(settings)
    return Template(settings.max_disk_bytes, usual, nursery=Nursery(argv, installed.environment))


def suits(source: str, installed: Installed) -> bool:
    """Whether a program begins so. The one macro that tells a file's time would tell that of another file."""
    beginning = _beginning(installed.language.names_for(source).source)
    return source.startswith(beginning) and "__TIMESTAMP__" not in source


async def objection(sandbox: Sandbox, installed: Installed, settings: ExecutorSettings) -> str:
    """What speaks against it; nothing when it makes of the language's own program what the ordinary compiler does."""
    copy = await _compile(sandbox, installed, settings, template(installed, settings))
    anew = await _compile(
        sandbox, installed, settings, Template(settings.max_disk_bytes, limits.of_compilation(settings))
    )
    if not copy.succeeded:
        return copy.stdout.decode(errors="replace") or "it ended without a word"
    return "" if copy.made == anew.made else "it compiles the same source to something else"


async def _compile(sandbox: Sandbox, installed: Installed, settings: ExecutorSettings, box: Template) -> Ended:
    language = installed.language
    source = language.reference.source
    name = language.names_for(source).source
    assert language.compile
    argv = installed.command(language.compile, source=name)
    step = Step(
        argv,
        installed.environment,
        box.limits,
        _MOST_BYTES,
        shortcut=installed.shortcut,
        merge_output=True,
    )
    (ended,) = await sandbox.run(Job({name: File(source.encode())}, (step,), box, collect_bytes=_MOST_BYTES))
    return ended


@cache
def _beginning(name: str) -> str:
    """Of programs whose source is called so."""
    return (wall.stubs() / name).read_text()
