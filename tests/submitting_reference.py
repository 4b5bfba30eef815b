"""`python -m tests.submitting_reference` brings `docs/submitting.md`, the page for those who submit, up to date.

It rewrites what is between `<!-- NAME -->` and `<!-- / -->` from the code. The rest is written by hand, and so are the
last two cells of the table of languages: the versions are those of the images.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from executor import languages, limits
from executor.catalogue.installed import ENVIRONMENT, Installed
from executor.languages import file_names
from executor.languages.base import LanguageDefinition
from executor.pipeline.plan import commands_of, program_of
from executor.settings import MIB, ExecutorSettings
from shared.engine_api.codex import RunRequest
from shared.engine_api.languages import ALIASES
from shared.engine_api.run_call.limits import MAX_ARTIFACTS, MAX_FILES

PAGE: Final = Path(__file__).parent.parent / "docs/submitting.md"

_SETTINGS: Final = ExecutorSettings()
_ORDERED: Final = [languages.known()[code] for code in ALIASES]
_PART: Final = re.compile(r"(<!-- (\w[\w ]*) -->)(.*?)(?=<!-- / -->)", re.DOTALL)
_ROW: Final = re.compile(r"^\| (.+?) \| .+? \| (.+ \| .+) \|$", re.MULTILINE)
#: The folders of files that are compiled ahead. Their names depend on the toolchain.
_AHEAD: Final = re.compile(r"(?<=-I/headers/)\w+|(?<=/runtimes/)\w+")


def page() -> str:
    """Return the text of `docs/submitting.md` as it should be."""
    return _PART.sub(lambda found: found[1] + _PARTS[found[2]](found[3]), PAGE.read_text())


def _lines(lines: Callable[[str], Iterable[str]]) -> Callable[[str], str]:
    """Return what makes a part of these lines, each of which ends with a line end."""
    return lambda before: "\n\n" + "".join(lines(before)) + "\n"


def _table_of_limits(_: str) -> Iterator[str]:
    yield "| what | limit |\n|---|---|\n"
    for what, limit in _limits(_SETTINGS):
        yield f"| {what} | {limit} |\n"


def _memory_of_runtimes(_: str) -> Iterator[str]:
    for size, of_size in groupby(sorted(_ORDERED, key=_extra_memory), key=_extra_memory):
        if size:
            yield f"- {size} MiB: {', '.join(language.title for language in of_size)}\n"


def _table_of_languages(before: str) -> Iterator[str]:
    by_hand = dict(_ROW.findall(before))
    yield "| language | `language` is any of | version | in the image |\n|---|---|---|---|\n"
    for language in _ORDERED:
        names = ", ".join(f"`{name}`" for name in ALIASES[language.code])
        yield f"| {language.title} | {names} | {by_hand.get(language.title, 'VERSION | IMAGES')} |\n"


def _variants(_: str) -> Iterator[str]:
    for language in _ORDERED:
        if language.compile and language.compile.variants:
            codes = ", ".join(f"`{variant.code}`" for variant in language.compile.variants)
            yield f"- {language.title}: {codes}\n"


def _variables(_: str) -> Iterator[str]:
    for language in _ORDERED:
        if language.environment:
            yield f"- {language.title}: `{shlex.join(f'{k}={v}' for k, v in language.environment.items())}`\n"
        if more := language.libraries.environment:
            yield f"- {language.title}, with libraries: `{shlex.join(f'{k}={v}' for k, v in more.items())}`\n"


def _commands(language: LanguageDefinition) -> Iterator[str]:
    """Yield the commands with each tool's first place, and with all options."""
    tools = {name: places[0] for name, places in language.tools.items()}
    options = {name: option.word for name, option in (language.compile.options if language.compile else {}).items()}
    installed = Installed(language, {**tools, **options}, info="")
    program = program_of(RunRequest(code="", language=language.code), installed)
    commands = commands_of(program, installed, limits.default_limits(ExecutorSettings()).memory_bytes)
    yield f"\n{language.title}:\n\n```sh\n"
    for command in filter(None, commands.for_a_shell()):
        yield _AHEAD.sub("...", command) + "\n"
    yield "```\n"


def _extra_memory(language: LanguageDefinition) -> int:
    """Return the MiB that the language's runtime takes beside a program's memory."""
    return language.run.extra_memory_mib


def _needs(language: LanguageDefinition) -> str:
    """Return the language's needs in words; "" if it has none."""
    needs = language.needs
    memory = f"{needs.memory_mib} MiB of memory" if needs.memory_mib else ""
    return " and ".join(filter(None, (memory, f"{needs.cpu_s:g} s of CPU time" if needs.cpu_s else "")))


def _has_one_name(language: LanguageDefinition) -> bool:
    return not (language.source_file.extensions or language.source_file.named_after_class)


def _limits(settings: ExecutorSettings) -> Iterator[tuple[str, str]]:
    run = limits.run_step_limits(limits.default_limits(settings), settings, extra_memory=0)
    compilation = limits.compile_step_limits(settings)
    fitted = limits.on_this_host(settings, by_number=True, process_limit=None)
    yield "CPU time", f"{run.cpu_s:g} s"
    yield "elapsed time", f"{run.wall_s:g} s"
    yield "memory, of all processes and of files in memory", f"{run.memory_bytes // MIB} MiB"
    yield "stack of the main thread", f"{run.stack_bytes // MIB} MiB"
    yield "standard output, and standard error", f"{settings.max_output_bytes // MIB} MiB each"
    where = "where programs share a user or have no cgroup"
    yield "processes and threads", f"{settings.max_processes}; {fitted.max_processes} {where}"
    yield "open files of a process", f"{settings.tuning.open_files}; {fitted.tuning.open_files} {where}"
    yield "files that the program writes, together", f"{run.file_bytes // MIB} MiB"
    yield "the compiler", f"{compilation.cpu_s:g} s of CPU time, {compilation.memory_bytes // MIB} MiB"
    yield "the source", f"{settings.max_source_bytes // MIB} MiB"
    yield "standard input", f"{settings.max_input_bytes // MIB} MiB"


_EXTENSIONS: Final = dict.fromkeys(extension for language in _ORDERED for extension in language.source_file.extensions)
#: The parts of the page by their names. Each is made of the text that it has now.
_PARTS: Final[dict[str, Callable[[str], str]]] = {
    "limits": _lines(_table_of_limits),
    "memory of runtimes": _lines(_memory_of_runtimes),
    "needs": _lines(lambda _: (f"- {one.title}: {needs}\n" for one in _ORDERED if (needs := _needs(one)))),
    "longest name": lambda _: str(file_names.MAX_LENGTH),
    "extensions": lambda _: ", ".join(f"`.{extension}`" for extension in _EXTENSIONS),
    "always main": lambda _: ", ".join(language.title for language in _ORDERED if _has_one_name(language)),
    "most files": lambda _: str(MAX_FILES),
    "languages": _lines(_table_of_languages),
    "variants": _lines(_variants),
    "most artifacts": lambda _: str(MAX_ARTIFACTS),
    "artifact bytes": lambda _: f"{_SETTINGS.artifact_bytes // MIB} MiB",
    "environment": _lines(lambda _: ("```\n", *(f"{name}={value}\n" for name, value in ENVIRONMENT.items()), "```\n")),
    "variables": _lines(_variables),
    "commands": _lines(lambda _: (line for language in _ORDERED for line in _commands(language))),
}


if __name__ == "__main__":
    PAGE.write_text(page())
